// The clips of this batch, one after another: rows of one frame each.
fn work(id: vec3u) {
  if (id.x >= FEATURES || id.y >= step.batch * FRAMES) { return; }
  let clip = order[step.first + id.y / FRAMES];
  batch[id.y * FEATURES + id.x] = clips[(clip * FRAMES + id.y % FRAMES) * FEATURES + id.x];
}
