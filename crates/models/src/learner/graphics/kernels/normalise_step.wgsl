// A step of the scales and offsets of a normalisation: each gradient is a sum over all rows.
fn work(id: vec3u) {
  if (id.x >= CHANNELS || id.y >= 2u) { return; }
  let rows = step.batch * ROWS;
  var sum = 0.0;
  if (id.y == 0u) {
    for (var row = 0u; row < rows; row++) { sum += gradient[row * CHANNELS + id.x] * normal[row * CHANNELS + id.x]; }
  } else {
    for (var row = 0u; row < rows; row++) { sum += gradient[row * CHANNELS + id.x]; }
  }
  descend(PLACE + id.y * CHANNELS + id.x, sum);
}
