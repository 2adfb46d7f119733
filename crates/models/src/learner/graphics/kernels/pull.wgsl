// FedProx's constant part of every gradient, -μ · w₀, added to what is there.
fn work(id: vec3u) {
  let i = id.y * ACROSS + id.x;
  if (id.x >= ACROSS || i >= TOTAL) { return; }
  offset[i] -= step.proximal * parameters[i];
}
