//! A network's layers as ONNX operators.

use super::messages::{
    Attribute, AttributeType, Dimension, ElementType, Extent, Graph, Node, Shape, Tensor, TensorType, Type, ValueInfo,
};
use crate::{
    Architecture, BUCKETS, FEATURES, FRAMES, Layer, LstmOutput, Standardisation, network::KERNEL, slices::EPSILON,
};

/// The graph with its inputs, outputs and statistics, but without the parameters that it names.
pub(super) fn of(architecture: Architecture, labels: usize, standardisation: &Standardisation) -> Graph {
    let mut builder = Builder::default();
    let features = architecture.features();
    let mut clips = builder.input(features);
    let layout = architecture.layout(labels);
    let mut names = layout.tensors.iter().map(|spec| spec.name.as_str());
    let mut next = || names.next().unwrap_or_default();
    let reads = architecture.reads_text();
    for layer in architecture.layers(labels) {
        clips = match layer {
            Layer::Convolution { .. } => builder.convolution(&clips, next(), next()),
            Layer::Normalise { .. } => builder.normalise(&clips, next(), next()),
            Layer::Flatten { .. } => Clips { name: builder.flatten(&clips.name), ..clips },
            Layer::Pooling { .. } => builder.pooling(&clips),
            Layer::Lstm { units, output, .. } => builder.lstm(&clips, [next(), next(), next()], units, output),
            Layer::Dense { .. } => {
                let sum = builder.node("Gemm", &[&clips.name, next(), next()], vec![]);
                Clips { name: builder.node("Relu", &[&sum], vec![]), ..clips }
            }
            Layer::Output { .. } => {
                builder.named("Gemm", &[&clips.name, next(), next()], &[LOGITS], vec![]);
                Clips { name: LOGITS.to_owned(), ..clips }
            }
            Layer::Fusion { .. } => {
                builder.fusion(&clips, [(); 9].map(|()| next()));
                Clips { name: LOGITS.to_owned(), ..clips }
            }
        };
    }
    builder.named("Softmax", &[LOGITS], &[PROBABILITIES], vec![int("axis", -1)]);

    let statistics = |name: &str, values: &[f32]| Tensor {
        dims: vec![features as i64],
        data_type: ElementType::Float.into(),
        name: name.to_owned(),
        raw_data: values.iter().take(features).flat_map(|value| value.to_le_bytes()).collect(),
    };
    let rows = |count: usize| [Extent::Parameter("clips".to_owned()), Extent::Value(count as i64)];
    let [clips, frames] = rows(FRAMES);
    let features_of_clips = vec![clips.clone(), frames, Extent::Value(FEATURES as i64)];
    let mut input = vec![
        value(
            FEATURES_IN,
            ElementType::Float,
            features_of_clips,
            "Frames of features, not standardised. What stands beyond a clip's real frames is not looked at.",
        ),
        value(
            FRAMES_IN,
            ElementType::Int64,
            vec![clips],
            if reads {
                "How many frames of each clip are real, 1 to 100; 0 for one of which only the text is there."
            } else {
                "How many frames of each clip are real, 1 to 100."
            },
        ),
    ];
    let mut output = vec![
        value(PROBABILITIES, ElementType::Float, rows(labels).into(), "A probability for each label."),
        value(LOGITS, ElementType::Float, rows(labels).into(), "The same before softmax."),
    ];
    if reads {
        let words = "How many pieces of each clip's transcript are in each bucket; zeros where nothing is known of it.";
        input.push(value(TEXT_IN, ElementType::Float, rows(BUCKETS).into(), words));
        output.extend([
            value(
                VOICE_LOGITS,
                ElementType::Float,
                rows(labels).into(),
                "What the voice says by itself, before softmax.",
            ),
            value(
                TEXT_LOGITS,
                ElementType::Float,
                rows(labels).into(),
                "What the text says by itself, before softmax.",
            ),
            value(
                GATE,
                ElementType::Float,
                rows(1).into(),
                "How far the voice is trusted, 0 to 1; the text by the rest.",
            ),
        ]);
    }
    Graph {
        node: builder.nodes,
        name: architecture.name().to_owned(),
        initializer: vec![statistics(MEAN, &standardisation.mean), statistics(DEVIATION, &standardisation.deviation)],
        doc_string: "From a clip's features to a probability for each label. Of a clip that is heard in several ways, \
                     such as at several speeds, take the mean of the logits, and its softmax."
            .to_owned(),
        input,
        output,
    }
}

const FEATURES_IN: &str = "features";
const FRAMES_IN: &str = "frames";
const TEXT_IN: &str = "text";
const MEAN: &str = "mean";
const DEVIATION: &str = "deviation";
const LOGITS: &str = "logits";
const PROBABILITIES: &str = "probabilities";
const VOICE_LOGITS: &str = "voice_logits";
const TEXT_LOGITS: &str = "text_logits";
const GATE: &str = "gate";

/// A value on its way, (clips, frames, channels) or, behind the layer that takes a clip's frames together,
/// (clips, channels).
struct Clips {
    name: String,
    /// Its second axis, where it has three.
    frames: usize,
}

/// A graph as it grows. Methods append nodes and return the name of what these compute.
#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
}

impl Builder {
    /// An operation with one output.
    fn node(&mut self, operator: &str, inputs: &[&str], attributes: Vec<Attribute>) -> String {
        let output = format!("{operator}_{}", self.nodes.len());
        self.named(operator, inputs, &[&output], attributes);
        output
    }

    fn named(&mut self, operator: &str, inputs: &[&str], outputs: &[&str], attributes: Vec<Attribute>) {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        self.nodes.push(Node {
            input: owned(inputs),
            output: owned(outputs),
            name: format!("{operator}_{}", self.nodes.len()),
            op_type: operator.to_owned(),
            attribute: attributes,
        });
    }

    fn constant(&mut self, dims: Vec<i64>, data_type: ElementType, raw_data: Vec<u8>) -> String {
        self.node("Constant", &[], vec![value_of(dims, data_type, raw_data)])
    }

    fn numbers(&mut self, values: &[i64]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(vec![values.len() as i64], ElementType::Int64, bytes)
    }

    fn number(&mut self, value: f32) -> String {
        self.constant(Vec::new(), ElementType::Float, value.to_le_bytes().into())
    }

    fn unsqueeze(&mut self, value: &str, axes: &[i64]) -> String {
        let axes = self.numbers(axes);
        self.node("Unsqueeze", &[value, &axes], vec![])
    }

    fn squeeze(&mut self, value: &str, axis: i64) -> String {
        let axis = self.numbers(&[axis]);
        self.node("Squeeze", &[value, &axis], vec![])
    }

    /// (a, b, c) → (a, c, b).
    fn swap_last(&mut self, value: &str) -> String {
        self.node("Transpose", &[value], vec![ints("perm", &[0, 2, 1])])
    }

    fn sum_over_frames(&mut self, value: &str) -> String {
        let axis = self.numbers(&[1]);
        self.node("ReduceSum", &[value, &axis], vec![int("keepdims", 1)])
    }

    /// The number of each of `frames` frames, from 0: (frames).
    fn places(&mut self, frames: usize) -> String {
        let places: Vec<i64> = (0..frames as i64).collect();
        self.numbers(&places)
    }

    /// The clips' real frames, 1 to 100: (clips, 1).
    fn real_frames(&mut self) -> String {
        let [least, most] =
            [1, FRAMES as i64].map(|limit| self.constant(Vec::new(), ElementType::Int64, limit.to_le_bytes().into()));
        let real = self.node("Clip", &[FRAMES_IN, &least, &most], vec![]);
        self.unsqueeze(&real, &[1])
    }

    /// The clips' first `features` features, standardised in real frames and zero in others.
    fn input(&mut self, features: usize) -> Clips {
        let mut values = FEATURES_IN.to_owned();
        if features < FEATURES {
            let [start, end, axis] = [0, features as i64, 2].map(|number| self.numbers(&[number]));
            values = self.node("Slice", &[&values, &start, &end, &axis], vec![]);
        }
        let centred = self.node("Sub", &[&values, MEAN], vec![]);
        let standardised = self.node("Div", &[&centred, DEVIATION], vec![]);
        let (places, real) = (self.places(FRAMES), self.real_frames());
        let is_real = self.node("Less", &[&places, &real], vec![]);
        let is_real = self.unsqueeze(&is_real, &[2]);
        let zero = self.number(0.0);
        Clips { name: self.node("Where", &[&is_real, &standardised, &zero], vec![]), frames: FRAMES }
    }

    fn convolution(&mut self, clips: &Clips, kernel: &str, bias: &str) -> Clips {
        // ONNX has channels before frames, and kernels (outputs, inputs, width).
        let kernel = self.node("Transpose", &[kernel], vec![ints("perm", &[2, 1, 0])]);
        let channels_first = self.swap_last(&clips.name);
        let sum = self.node("Conv", &[&channels_first, &kernel, bias], vec![ints("kernel_shape", &[KERNEL as i64])]);
        let active = self.node("Relu", &[&sum], vec![]);
        Clips { name: self.swap_last(&active), frames: clips.frames - (KERNEL - 1) }
    }

    fn normalise(&mut self, clips: &Clips, scale: &str, offset: &str) -> Clips {
        let attributes = vec![int("axis", -1), float("epsilon", EPSILON)];
        let name = self.node("LayerNormalization", &[&clips.name, scale, offset], attributes);
        Clips { name, frames: clips.frames }
    }

    /// (clips, frames, channels) → (clips, frames · channels).
    fn flatten(&mut self, value: &str) -> String {
        self.node("Flatten", &[value], vec![int("axis", 1)])
    }

    /// Means, then deviations, over what convolutions have left of the real frames, at least one.
    fn pooling(&mut self, clips: &Clips) -> Clips {
        let real = self.real_frames();
        let (lost, least) = (self.numbers(&[(FRAMES - clips.frames) as i64]), self.numbers(&[1]));
        let left = self.node("Sub", &[&real, &lost], vec![]);
        let left = self.node("Max", &[&left, &least], vec![]);
        let places = self.places(clips.frames);
        let is_real = self.node("Less", &[&places, &left], vec![]);
        let to_float = || vec![int("to", ElementType::Float as i64)];
        let [weights, count] = [is_real, left].map(|value| {
            let number = self.node("Cast", &[&value], to_float());
            self.unsqueeze(&number, &[2])
        });
        let kept = self.node("Mul", &[&clips.name, &weights], vec![]);
        let sum = self.sum_over_frames(&kept);
        let mean = self.node("Div", &[&sum, &count], vec![]);
        let centred = self.node("Sub", &[&clips.name, &mean], vec![]);
        let centred = self.node("Mul", &[&centred, &weights], vec![]);
        let squares = self.node("Mul", &[&centred, &centred], vec![]);
        let sum = self.sum_over_frames(&squares);
        let variance = self.node("Div", &[&sum, &count], vec![]);
        let epsilon = self.number(EPSILON);
        let variance = self.node("Add", &[&variance, &epsilon], vec![]);
        let deviation = self.node("Sqrt", &[&variance], vec![]);
        let both = self.node("Concat", &[&mean, &deviation], vec![int("axis", 2)]);
        Clips { name: self.flatten(&both), frames: 1 }
    }

    fn lstm(&mut self, clips: &Clips, tensors: [&str; 3], units: usize, output: LstmOutput) -> Clips {
        let [kernel, recurrent, bias] = tensors;
        let [kernel, recurrent] = [kernel, recurrent].map(|tensor| {
            let gates = self.gates(tensor, 1, None);
            let transposed = self.node("Transpose", &[&gates], vec![ints("perm", &[1, 0])]);
            self.unsqueeze(&transposed, &[0])
        });
        // ONNX has a second bias, of the recurrent share.
        let length = self.numbers(&[4 * units as i64]);
        // Zero is the default as well, but tract 0.23 and OpenCV 5.0 read no graph that leaves it to that.
        let zero = value_of(vec![1], ElementType::Float, 0.0_f32.to_le_bytes().into());
        let none = self.node("ConstantOfShape", &[&length], vec![zero]);
        let bias = self.gates(bias, 0, Some(&none));
        let bias = self.unsqueeze(&bias, &[0]);
        let by_frame = self.node("Transpose", &[&clips.name], vec![ints("perm", &[1, 0, 2])]);
        // (frames, directions, clips, units)
        let outputs =
            self.node("LSTM", &[&by_frame, &kernel, &recurrent, &bias], vec![int("hidden_size", units as i64)]);
        let outputs = self.squeeze(&outputs, 1);
        let outputs = self.node("Transpose", &[&outputs], vec![ints("perm", &[1, 0, 2])]);
        match output {
            LstmOutput::EveryFrame => Clips { name: outputs, frames: clips.frames },
            LstmOutput::LastFrame => {
                let last =
                    self.constant(Vec::new(), ElementType::Int64, (clips.frames as i64 - 1).to_le_bytes().into());
                Clips { name: self.node("Gather", &[&outputs, &last], vec![int("axis", 1)]), frames: 1 }
            }
            LstmOutput::LastRealFrame => {
                let (real, one) = (self.real_frames(), self.numbers(&[1]));
                let last = self.node("Sub", &[&real, &one], vec![]);
                let places = self.places(clips.frames);
                let is_last = self.node("Equal", &[&places, &last], vec![]);
                let weights = self.node("Cast", &[&is_last], vec![int("to", ElementType::Float as i64)]);
                let weights = self.unsqueeze(&weights, &[2]);
                let read = self.node("Mul", &[&outputs, &weights], vec![]);
                let sum = self.sum_over_frames(&read);
                Clips { name: self.squeeze(&sum, 1), frames: 1 }
            }
        }
    }

    /// Both branches' logits, the gate, and the logits of both.
    fn fusion(&mut self, clips: &Clips, tensors: [&str; 9]) {
        let [kernel, bias, embedding, scale, offset, text_kernel, text_bias, gate_kernel, gate_bias] = tensors;
        self.named("Gemm", &[&clips.name, kernel, bias], &[VOICE_LOGITS], vec![]);
        let (axis, one) = (self.numbers(&[1]), self.number(1.0));
        let pieces = self.node("ReduceSum", &[TEXT_IN, &axis], vec![int("keepdims", 1)]);
        let count = self.node("Max", &[&pieces, &one], vec![]);
        let sum = self.node("MatMul", &[TEXT_IN, embedding], vec![]);
        let mean = self.node("Div", &[&sum, &count], vec![]);
        let attributes = vec![int("axis", -1), float("epsilon", EPSILON)];
        let said = self.node("LayerNormalization", &[&mean, scale, offset], attributes);
        self.named("Gemm", &[&said, text_kernel, text_bias], &[TEXT_LOGITS], vec![]);
        let both = self.node("Concat", &[&clips.name, &said], vec![int("axis", 1)]);
        let sum = self.node("Gemm", &[&both, gate_kernel, gate_bias], vec![]);
        let gate = self.node("Sigmoid", &[&sum], vec![]);
        let zero = self.number(0.0);
        let frames = self.node("Cast", &[FRAMES_IN], vec![int("to", ElementType::Float as i64)]);
        let frames = self.unsqueeze(&frames, &[1]);
        let heard = self.node("Greater", &[&frames, &zero], vec![]);
        let read = self.node("Greater", &[&pieces, &zero], vec![]);
        let gate = self.node("Where", &[&heard, &gate, &zero], vec![]);
        self.named("Where", &[&read, &gate, &one], &[GATE], vec![]);
        let rest = self.node("Sub", &[&one, GATE], vec![]);
        let voice = self.node("Mul", &[GATE, VOICE_LOGITS], vec![]);
        let text = self.node("Mul", &[&rest, TEXT_LOGITS], vec![]);
        self.named("Add", &[&voice, &text], &[LOGITS], vec![]);
    }

    /// A tensor's four gates along an axis, from Keras' order (input, forget, cell, output) in ONNX' order (input,
    /// output, forget, cell), and `more` behind them.
    fn gates(&mut self, tensor: &str, axis: i64, more: Option<&str>) -> String {
        let [input, forget, cell, output] =
            ["input", "forget", "cell", "output"].map(|gate| format!("{tensor}.{gate}"));
        self.named("Split", &[tensor], &[&input, &forget, &cell, &output], vec![int("axis", axis)]);
        let mut ordered = vec![input.as_str(), &output, &forget, &cell];
        ordered.extend(more);
        self.node("Concat", &ordered, vec![int("axis", axis)])
    }
}

fn attribute(name: &str) -> Attribute {
    Attribute { name: name.to_owned(), ..Attribute::default() }
}

/// The attribute `value`, a tensor.
fn value_of(dims: Vec<i64>, data_type: ElementType, raw_data: Vec<u8>) -> Attribute {
    let tensor = Tensor { dims, data_type: data_type.into(), name: String::new(), raw_data };
    Attribute { t: Some(tensor), r#type: AttributeType::Tensor.into(), ..attribute("value") }
}

fn int(name: &str, value: i64) -> Attribute {
    Attribute { i: Some(value), r#type: AttributeType::Int.into(), ..attribute(name) }
}

fn ints(name: &str, values: &[i64]) -> Attribute {
    Attribute { ints: values.into(), r#type: AttributeType::Ints.into(), ..attribute(name) }
}

fn float(name: &str, value: f32) -> Attribute {
    Attribute { f: Some(value), r#type: AttributeType::Float.into(), ..attribute(name) }
}

fn value(name: &str, element: ElementType, extents: Vec<Extent>, words: &str) -> ValueInfo {
    let dim = extents.into_iter().map(|extent| Dimension { extent: Some(extent) }).collect();
    let tensor = TensorType { elem_type: element.into(), shape: Some(Shape { dim }) };
    ValueInfo { name: name.to_owned(), r#type: Some(Type { tensor_type: Some(tensor) }), doc_string: words.to_owned() }
}
