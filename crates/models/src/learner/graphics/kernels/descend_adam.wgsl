// A step of Adam (Kingma & Ba, ICLR 2015, algorithm 1) for one number.
fn descend(i: u32, plain: f32) {
  if (i < FIRST) { return; } // which does not move
  let value = parameters[i];
  let gradient = pulled(i, value, plain);
  let mean = 0.9 * first[i] + 0.1 * gradient;
  let square = 0.999 * second[i] + 0.001 * gradient * gradient;
  first[i] = mean;
  second[i] = square;
  parameters[i] = value - step.rate * mean / (sqrt(square) * step.root + 1e-8);
}
