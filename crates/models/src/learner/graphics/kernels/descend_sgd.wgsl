// A step of plain gradient descent for one number.
fn descend(i: u32, plain: f32) {
  if (i < FIRST) { return; } // which does not move
  let value = parameters[i];
  parameters[i] = value - step.rate * pulled(i, value, plain);
}
