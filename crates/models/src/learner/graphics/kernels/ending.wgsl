// Of each clip the output of the frame that is read: its last real one, or frame 100.
fn work(id: vec3u) {
  if (id.x >= UNITS || id.y >= step.batch) { return; }
  let read = select(FRAMES, reals[order[step.first + id.y]], REAL == 1u);
  ended[id.y * UNITS + id.x] = outputs[(id.y * (FRAMES + 1u) + read) * UNITS + id.x];
}
