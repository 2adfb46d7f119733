// Mean and deviation of a channel over a clip's real frames; convolutions have used up LOST of them.
fn work(id: vec3u) {
  if (id.x >= CHANNELS || id.y >= step.batch) { return; }
  let real = max(i32(reals[order[step.first + id.y]]) - LOST, 1);
  let start = id.y * ROWS * CHANNELS + id.x;
  var mean = 0.0;
  for (var t = 0; t < real; t++) { mean += input[start + u32(t) * CHANNELS]; }
  mean /= f32(real);
  var variance = 0.0;
  for (var t = 0; t < real; t++) { let off = input[start + u32(t) * CHANNELS] - mean; variance += off * off; }
  output[id.y * 2u * CHANNELS + id.x] = mean;
  output[(id.y * 2u + 1u) * CHANNELS + id.x] = sqrt(variance / f32(real) + EPSILON);
}
