// Each row to mean 0 and deviation 1, then scaled and shifted. One invocation takes a row.
fn work(id: vec3u) {
  if (id.x > 0u || id.y >= step.batch * ROWS) { return; }
  let start = id.y * CHANNELS;
  var mean = 0.0;
  for (var i = 0u; i < CHANNELS; i++) { mean += input[start + i]; }
  mean /= f32(CHANNELS);
  var variance = 0.0;
  for (var i = 0u; i < CHANNELS; i++) { let off = input[start + i] - mean; variance += off * off; }
  let one_over = 1.0 / sqrt(variance / f32(CHANNELS) + EPSILON);
  inverse[id.y] = one_over;
  for (var i = 0u; i < CHANNELS; i++) {
    let value = (input[start + i] - mean) * one_over;
    normal[start + i] = value;
    output[start + i] = value * parameters[PLACE + i] + parameters[PLACE + CHANNELS + i];
  }
}
