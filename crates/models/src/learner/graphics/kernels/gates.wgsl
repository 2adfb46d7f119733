// Beyond this the logistic function and the hyperbolic tangent are at their ends, to the last bit. Graphics processors are not
// asked for more: some answer with 0 or no number from 43.67 on (https://github.com/tracel-ai/burn/pull/520), others from 89 on.
const FAR_OUT = 40.0;
fn squash(x: f32) -> f32 { return tanh(clamp(x, -FAR_OUT, FAR_OUT)); }
fn open(x: f32) -> f32 { return 1.0 / (1.0 + exp(-clamp(x, -FAR_OUT, FAR_OUT))); }
