// The way back from mean and deviation to each frame; padding has no gradient.
fn work(id: vec3u) {
  if (id.x >= CHANNELS || id.y >= step.batch * ROWS) { return; }
  let clip = id.y / ROWS;
  let real = max(i32(reals[order[step.first + clip]]) - LOST, 1);
  var value = 0.0;
  if (i32(id.y % ROWS) < real) {
    let mean = clip * 2u * CHANNELS + id.x;
    let deviation = mean + CHANNELS;
    let off = input[id.y * CHANNELS + id.x] - output[mean];
    value = (gradient[mean] + off * gradient[deviation] / output[deviation]) / f32(real);
  }
  pass_on(clip, id.y % ROWS, id.x, value);
}
