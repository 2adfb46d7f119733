// Gradient of the batch's mean cross entropy by the logits: (softmax - truth) / batch. One invocation takes a clip.
fn work(id: vec3u) {
  if (id.x > 0u || id.y >= step.batch) { return; }
  let place = step.first + id.y;
  let start = place * LABELS;
  var greatest = logits[start];
  for (var i = 1u; i < LABELS; i++) { greatest = max(greatest, logits[start + i]); }
  var sum = 0.0;
  for (var i = 0u; i < LABELS; i++) { sum += exp(logits[start + i] - greatest); }
  for (var i = 0u; i < LABELS; i++) {
    let share = exp(logits[start + i] - greatest) / sum;
    gradient[id.y * LABELS + i] = (share - select(0.0, 1.0, truth[order[place]] == i)) / f32(step.batch);
  }
}
