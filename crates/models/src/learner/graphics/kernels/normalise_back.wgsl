// The way back through a row's normalisation.
fn work(id: vec3u) {
  let rows = step.batch * ROWS;
  if (id.x > 0u || id.y >= rows) { return; }
  let start = id.y * CHANNELS;
  var mean = 0.0;
  var along = 0.0;
  for (var i = 0u; i < CHANNELS; i++) {
    let of_normal = gradient[start + i] * parameters[PLACE + i];
    mean += of_normal;
    along += of_normal * normal[start + i];
  }
  mean /= f32(CHANNELS);
  along /= f32(CHANNELS);
  for (var i = 0u; i < CHANNELS; i++) {
    let of_normal = gradient[start + i] * parameters[PLACE + i];
    let value = (of_normal - mean - normal[start + i] * along) * inverse[id.y];
    pass_on(id.y / ROWS, id.y % ROWS, i, value);
  }
}
