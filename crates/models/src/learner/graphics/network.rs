//! A network as calls of kernels: the memory that its layers need for a batch, and what runs forwards and backwards.

use super::{
    chip::Chip,
    kernel::{
        Access::{Change, ChangeWords, Numbers, Words},
        Buffer, Call, Grid, Group, Kernel, filled,
    },
    tile::{self, Descent, Product, Tile},
};
use crate::{
    FRAMES, Layer, LstmOutput, ModelError,
    network::{KEPT, KEPT_FACTOR, KERNEL},
    slices::EPSILON,
};

/// Invocations of a workgroup for products, 64 in all.
const SQUARE: Group = Group(8, 8);
/// For what has many columns, or one.
const WIDE: Group = Group(64, 1);
const TALL: Group = Group(1, 64);
/// Rows of zeros before and after the gradients of a convolution's outputs, so that its windows on the way back may reach over
/// both ends.
const MARGIN: usize = KERNEL - 1;

/// What all kernels of a network share.
pub(super) struct Shared<'a> {
    pub parameters: &'a Buffer,
    /// The clips, standardised: rows of a frame's features.
    pub clips: &'a Buffer,
    /// Real frames and true label of each clip.
    pub reals: &'a Buffer,
    pub truth: &'a Buffer,
    /// Which clip comes when.
    pub order: &'a Buffer,
    /// A row for each clip, in that order.
    pub logits: &'a Buffer,
}

/// What training needs beyond that.
pub(super) struct Training<'a> {
    /// The two moments of Adam; plain descent without.
    pub moments: Option<[&'a Buffer; 2]>,
    /// What is added to every gradient besides μ times the parameter.
    pub offset: Option<&'a Buffer>,
    /// Key and stream of the random numbers for dropout; without them nothing is dropped.
    pub key: Option<&'a Buffer>,
    /// The first number that moves; all after it do.
    pub first: usize,
}

/// The calls of a network for batches of up to a number of clips.
pub(super) struct Network {
    pub calls: Vec<Call>,
    /// Random words that a batch uses: so many a clip, less so many.
    pub words: [usize; 2],
}

/// Numbers of a batch that a layer hands to the next: rows of each clip.
#[derive(Clone)]
struct Values {
    buffer: Buffer,
    /// From clip to clip, and where the first begins.
    clip: usize,
    begin: usize,
    rows: usize,
    columns: usize,
}

impl Values {
    /// The same with all rows of a clip as one.
    fn flat(self) -> Self {
        Self { columns: self.rows * self.columns, rows: 1, ..self }
    }

    /// From clip to clip and from row to row, and where it begins.
    fn steps(&self) -> [usize; 3] {
        [self.clip, self.columns, self.begin]
    }
}

/// Where the gradient of such numbers goes.
#[derive(Clone)]
struct Slope {
    buffer: Buffer,
    clip: usize,
    begin: usize,
    columns: usize,
    /// Numbers that are above zero where they were active, and what kept ones were multiplied by.
    active: Option<(Values, f32)>,
}

impl Slope {
    /// WGSL of `pass_on(clip, row, column, value)`.
    fn text(&self) -> String {
        let Self { clip, begin, columns, active, .. } = self;
        let factor = active.as_ref().map_or(String::new(), |(values, scale)| {
            let Values { clip, begin, columns, .. } = values;
            format!(
                " * select(0.0, {scale:?}, active_values[clip * {clip}u + row * {columns}u + {begin}u + column] > 0.0)"
            )
        });
        format!(
            "fn pass_on(clip: u32, row: u32, column: u32, value: f32) {{
of_input[clip * {clip}u + row * {columns}u + {begin}u + column] = value{factor};
}}\n"
        )
    }

    fn buffers(&self) -> Vec<(&'static str, super::kernel::Access, &Buffer)> {
        let mut buffers = vec![("of_input", Change, &self.buffer)];
        buffers.extend(self.active.as_ref().map(|(values, _)| ("active_values", Numbers, &values.buffer)));
        buffers
    }
}

/// Lays a network out.
pub(super) struct Builder<'a> {
    pub chip: &'a mut Chip,
    pub labels: usize,
    pub features: usize,
    pub capacity: usize,
    pub shared: Shared<'a>,
    pub training: Option<Training<'a>>,
}

impl Builder<'_> {
    /// The calls of a step: forwards, and in training all the way back.
    ///
    /// # Errors
    /// More memory than the device gives in one piece.
    pub fn build(mut self, layers: &[Layer]) -> Result<Network, ModelError> {
        let mut words = [0, 0];
        for (layer, lost) in layers.iter().zip(lost_before(layers)) {
            match *layer {
                Layer::Convolution { outputs, dropout: true, .. } => {
                    words[0] += FRAMES * outputs / 4;
                    words[1] += (lost + KERNEL - 1) * outputs / 4;
                }
                Layer::Dense { outputs, dropout: true, .. } => words[0] += outputs / 4,
                _ => {}
            }
        }
        let key = self.training.as_ref().and_then(|training| training.key);
        if key.is_none() {
            words = [0, 0];
        }
        // The first of them may stand anywhere in its block of 16.
        let masks = self.chip.buffer(words[0] * self.capacity + 32)?;
        let (call, mut values) = self.gather()?;
        let mut forward = vec![call];
        if let Some(key) = key.filter(|_| words[0] > 0) {
            let text = filled(include_str!("kernels/masks.wgsl"), &[("WORDS", words[0]), ("WORDS_LESS", words[1])]);
            forward.push(self.chip.call(Kernel {
                text,
                buffers: &[("key", Words, key), ("masks", ChangeWords, &masks)],
                grid: Grid::of_clips(TALL, 1, words[0], 16).and(16),
                every_frame: false,
            }));
        }
        let mut backward = Vec::new();
        // Where the gradient of the numbers that come in goes; none for the clips themselves, which are not learnt.
        let mut slope: Option<Slope> = None;
        let mut used = [0, 0];
        let mut place = 0;
        for (layer, lost) in layers.iter().zip(lost_before(layers)) {
            let mut back = Vec::new();
            (values, slope) =
                self.layer(layer, place, lost, values, slope, (&masks, &mut used), (&mut forward, &mut back))?;
            place += layer.parameters();
            backward.push(back);
        }
        if let (Some(_), Some(slope)) = (&self.training, &slope) {
            forward.push(self.loss(&slope.buffer));
            // No further back than to the first layer of which something moves.
            let first = self.training.as_ref().map_or(0, |training| training.first);
            let ends = layers.iter().scan(0, |end, layer| {
                *end += layer.parameters();
                Some(*end)
            });
            let still = ends.take_while(|end| *end <= first).count();
            forward.extend(backward.into_iter().skip(still).rev().flatten());
        }
        Ok(Network { calls: forward, words })
    }

    fn gather(&mut self) -> Result<(Call, Values), ModelError> {
        let features = self.features;
        let buffer = self.chip.buffer(self.capacity * FRAMES * features)?;
        let text = filled(include_str!("kernels/gather.wgsl"), &[("FEATURES", features), ("FRAMES", FRAMES)]);
        let call = self.chip.call(Kernel {
            text,
            buffers: &[
                ("clips", Numbers, self.shared.clips),
                ("order", Words, self.shared.order),
                ("batch", Change, &buffer),
            ],
            grid: Grid::of_clips(SQUARE, features, FRAMES, 1),
            every_frame: false,
        });
        Ok((call, Values { buffer, clip: FRAMES * features, begin: 0, rows: FRAMES, columns: features }))
    }

    /// The gradient of the logits, whose loss goes nowhere but to whoever reads them.
    fn loss(&mut self, gradient: &Buffer) -> Call {
        self.chip.call(Kernel {
            text: filled(include_str!("kernels/loss_back.wgsl"), &[("LABELS", self.labels)]),
            buffers: &[
                ("logits", Numbers, self.shared.logits),
                ("order", Words, self.shared.order),
                ("truth", Words, self.shared.truth),
                ("gradient", Change, gradient),
            ],
            grid: Grid::of_clips(TALL, 1, 1, 1),
            every_frame: false,
        })
    }

    /// One layer: its calls forwards, and those backwards in the order in which they run; what comes out, and where the
    /// gradient of that goes.
    #[allow(clippy::too_many_arguments, reason = "it is one step of `build`")]
    fn layer(
        &mut self,
        layer: &Layer,
        place: usize,
        lost: usize,
        input: Values,
        of_input: Option<Slope>,
        (masks, used): (&Buffer, &mut [usize; 2]),
        (forward, back): (&mut Vec<Call>, &mut Vec<Call>),
    ) -> Result<(Values, Option<Slope>), ModelError> {
        match *layer {
            Layer::Flatten { .. } => {
                let active = |(values, scale): (Values, f32)| (values.flat(), scale);
                let of_input = of_input.map(|slope| Slope { active: slope.active.map(active), ..slope });
                Ok((input.flat(), of_input))
            }
            Layer::Convolution { inputs, outputs, dropout } => {
                let rows = input.rows - (KERNEL - 1);
                let drops = dropout.then_some((FRAMES, lost + KERNEL - 1));
                let product = Dense { place, depth: KERNEL * inputs, windows: KERNEL, rows, outputs };
                self.activated(&product, input, of_input, drops, (masks, used), (forward, back))
            }
            Layer::Dense { inputs, outputs, dropout } => {
                let product = Dense { place, depth: inputs, windows: 1, rows: 1, outputs };
                self.activated(&product, input, of_input, dropout.then_some((1, 0)), (masks, used), (forward, back))
            }
            Layer::Output { inputs, labels } => {
                let product = Dense { place, depth: inputs, windows: 1, rows: 1, outputs: labels };
                let finish = format!(
                    "fn finish(clip: u32, row: u32, column: u32, sum: f32) {{
output[(step.first + clip) * {labels}u + column] = sum + parameters[{}u + column];
}}\n",
                    place + inputs * labels
                );
                forward.push(self.product(&product, &input, finish, &[("output", Change, self.shared.logits)]));
                let values =
                    Values { buffer: self.shared.logits.clone(), clip: labels, begin: 0, rows: 1, columns: labels };
                let slope = self.slope(&values, 0, None)?;
                self.back(&product, &input, of_input.as_ref(), slope.as_ref(), back);
                Ok((values, slope))
            }
            Layer::Normalise { channels } => self.normalise(channels, place, input, of_input, (forward, back)),
            Layer::Pooling { channels } => self.pool(channels, lost, input, of_input, (forward, back)),
            Layer::Lstm { inputs, units, output } => {
                self.lstm([inputs, units], output, place, input, of_input, (forward, back))
            }
            Layer::Fusion { .. } => unreachable!("`Graphics::open` refuses what reads text"),
        }
    }

    /// Memory for what comes out of a layer.
    fn values(&self, rows: usize, columns: usize) -> Result<Values, ModelError> {
        let buffer = self.chip.buffer(self.capacity * rows * columns)?;
        Ok(Values { buffer, clip: rows * columns, begin: 0, rows, columns })
    }

    /// Memory for the gradient of what comes out of a layer, with rows of zeros around each clip's; none where nothing is
    /// learnt.
    fn slope(&self, values: &Values, margin: usize, active: Option<f32>) -> Result<Option<Slope>, ModelError> {
        if self.training.is_none() {
            return Ok(None);
        }
        let columns = values.columns;
        let clip = (values.rows + 2 * margin) * columns;
        let buffer = self.chip.buffer(self.capacity * clip)?;
        let active = active.map(|scale| (values.clone(), scale));
        Ok(Some(Slope { buffer, clip, begin: margin * columns, columns, active }))
    }

    /// A product with bias, ReLU and, where `drops` gives the rows of a clip and how many the batch has fewer, dropout.
    fn activated(
        &mut self,
        product: &Dense,
        input: Values,
        of_input: Option<Slope>,
        drops: Option<(usize, usize)>,
        (masks, used): (&Buffer, &mut [usize; 2]),
        (forward, back): (&mut Vec<Call>, &mut Vec<Call>),
    ) -> Result<(Values, Option<Slope>), ModelError> {
        let Dense { place, depth, windows, rows, outputs } = *product;
        let drops = drops.filter(|_| self.training.as_ref().is_some_and(|training| training.key.is_some()));
        let values = self.values(rows, outputs)?;
        let mut finish = format!(
            "fn finish(clip: u32, row: u32, column: u32, sum: f32) {{
var value = sum + parameters[{}u + column];
value = select(value, 0.0, value < 0.0);\n",
            place + depth * outputs
        );
        let mut scale = 1.0;
        let mut buffers = vec![("output", Change, &values.buffer)];
        if let Some((per_clip, fewer)) = drops {
            scale = KEPT_FACTOR;
            buffers.push(("masks", Words, masks));
            finish += &format!(
                "let at = (clip * {per_clip}u + row) * {outputs}u + column;
let word = masks[step.mask_word + {}u * step.batch - {}u + at / 4u];
value *= select(0.0, {KEPT_FACTOR:?}, ((word >> (8u * (at % 4u))) & 0xffu) < {KEPT}u);\n",
                used[0], used[1]
            );
            used[0] += per_clip * outputs / 4;
            used[1] += fewer * outputs / 4;
        }
        finish += &format!("output[clip * {}u + row * {outputs}u + column] = value;\n}}\n", values.clip);
        forward.push(self.product(product, &input, finish, &buffers));
        let margin = if windows > 1 { MARGIN } else { 0 };
        let slope = self.slope(&values, margin, Some(scale))?;
        self.back(product, &input, of_input.as_ref(), slope.as_ref(), back);
        Ok((values, slope))
    }

    fn product(
        &mut self,
        product: &Dense,
        input: &Values,
        finish: String,
        output: &[(&'static str, super::kernel::Access, &Buffer)],
    ) -> Call {
        let Dense { place, depth, rows, outputs, .. } = *product;
        let right = [place as i64, 1, outputs as i64, 0];
        let text = Product { rows, columns: outputs, left: input.steps(), windows: 1, neighbours: depth, right };
        let tile = Tile::of(rows * self.capacity, outputs);
        let mut buffers = vec![("input", Numbers, &input.buffer), ("parameters", Numbers, self.shared.parameters)];
        buffers.extend_from_slice(output);
        self.chip.call(Kernel {
            text: finish + &text.text(tile),
            buffers: &buffers,
            grid: Grid::of_clips(SQUARE, tile.across(outputs), rows, tile.rows),
            every_frame: false,
        })
    }

    /// The way back through a product: the gradient of what went in, where it is wanted, then a step of its parameters.
    fn back(
        &mut self,
        product: &Dense,
        input: &Values,
        of_input: Option<&Slope>,
        slope: Option<&Slope>,
        back: &mut Vec<Call>,
    ) {
        let Some(slope) = slope else { return };
        let Dense { place, depth, rows, outputs, .. } = *product;
        if let Some(of_input) = of_input {
            back.push(self.of_input(product, input, of_input, slope));
        }
        let descent = Descent {
            rows,
            input: input.steps(),
            gradient: [slope.clip, slope.begin],
            place,
            height: depth,
            columns: outputs,
            bias: true,
        };
        back.push(self.descent(&descent, &input.buffer, &slope.buffer));
    }

    fn of_input(&mut self, product: &Dense, input: &Values, of_input: &Slope, slope: &Slope) -> Call {
        let Dense { place, depth, windows, outputs, .. } = *product;
        // Each input row was used by the windows that begin at it and at those before it: a product of the gradient, with
        // rows of zeros at both ends, by the kernel read backwards in time.
        let columns = depth / windows;
        let per_window = columns * outputs;
        let right = [(place + (windows - 1) * per_window) as i64, outputs as i64, 1, -(per_window as i64)];
        let begin = slope.begin - (windows - 1) * outputs;
        let text = Product {
            rows: input.rows,
            columns,
            left: [slope.clip, outputs, begin],
            windows,
            neighbours: outputs,
            right,
        };
        let tile = Tile::of(input.rows * self.capacity, columns);
        let finish = "fn finish(clip: u32, row: u32, column: u32, sum: f32) { pass_on(clip, row, column, sum); }\n";
        let mut buffers = vec![("input", Numbers, &slope.buffer), ("parameters", Numbers, self.shared.parameters)];
        buffers.extend(of_input.buffers());
        self.chip.call(Kernel {
            text: of_input.text() + finish + &text.text(tile),
            buffers: &buffers,
            grid: Grid::of_clips(SQUARE, tile.across(columns), input.rows, tile.rows),
            every_frame: false,
        })
    }

    fn descent(&mut self, descent: &Descent, input: &Buffer, gradient: &Buffer) -> Call {
        let rows = descent.all_rows();
        let tile = Tile::of(rows, descent.columns);
        let grid = Grid::of_all(SQUARE, tile.across(descent.columns), rows, tile.rows);
        self.step(descent.text(tile), &[("input", Numbers, input), ("gradient", Numbers, gradient)], grid)
    }

    /// A kernel that ends in `descend`.
    fn step(&mut self, text: String, buffers: &[(&'static str, super::kernel::Access, &Buffer)], grid: Grid) -> Call {
        let mut all = buffers.to_vec();
        all.push(("parameters", Change, self.shared.parameters));
        let training = self.training.as_ref();
        let mut descend = String::from("fn pulled(i: u32, value: f32, gradient: f32) -> f32 { ");
        match training.and_then(|training| training.offset) {
            Some(offset) => {
                all.push(("offset", Numbers, offset));
                descend += "return gradient + step.proximal * value + offset[i]; }\n";
            }
            None => descend += "return gradient; }\n",
        }
        match training.and_then(|training| training.moments) {
            Some([first, second]) => {
                all.extend([("first", Change, first), ("second", Change, second)]);
                descend += include_str!("kernels/descend_adam.wgsl");
            }
            None => descend += include_str!("kernels/descend_sgd.wgsl"),
        }
        descend = filled(&descend, &[("FIRST", training.map_or(0, |training| training.first))]);
        self.chip.call(Kernel { text: descend + &text, buffers: &all, grid, every_frame: false })
    }

    fn normalise(
        &mut self,
        channels: usize,
        place: usize,
        input: Values,
        of_input: Option<Slope>,
        (forward, back): (&mut Vec<Call>, &mut Vec<Call>),
    ) -> Result<(Values, Option<Slope>), ModelError> {
        let rows = input.rows;
        let (values, normal) = (self.values(rows, channels)?, self.values(rows, channels)?);
        let inverse = self.values(rows, 1)?;
        let constants = [("ROWS", rows), ("CHANNELS", channels), ("PLACE", place)];
        let epsilon = format!("const EPSILON = {EPSILON:?};\n");
        let parameters = self.shared.parameters;
        forward.push(self.chip.call(Kernel {
            text: epsilon + &filled(include_str!("kernels/normalise.wgsl"), &constants),
            buffers: &[
                ("input", Numbers, &input.buffer),
                ("parameters", Numbers, parameters),
                ("normal", Change, &normal.buffer),
                ("inverse", Change, &inverse.buffer),
                ("output", Change, &values.buffer),
            ],
            grid: Grid::of_clips(TALL, 1, rows, 1),
            every_frame: false,
        }));
        let slope = self.slope(&values, 0, None)?;
        let Some(own) = &slope else { return Ok((values, None)) };
        if let Some(of_input) = of_input {
            let mut buffers = vec![
                ("gradient", Numbers, &own.buffer),
                ("parameters", Numbers, parameters),
                ("normal", Numbers, &normal.buffer),
                ("inverse", Numbers, &inverse.buffer),
            ];
            buffers.extend(of_input.buffers());
            back.push(self.chip.call(Kernel {
                text: of_input.text() + &filled(include_str!("kernels/normalise_back.wgsl"), &constants),
                buffers: &buffers,
                grid: Grid::of_clips(TALL, 1, rows, 1),
                every_frame: false,
            }));
        }
        let text = filled(include_str!("kernels/normalise_step.wgsl"), &constants);
        let buffers = [("gradient", Numbers, &own.buffer), ("normal", Numbers, &normal.buffer)];
        back.push(self.step(text, &buffers, Grid::of_all(WIDE, channels, 2, 1)));
        Ok((values, slope))
    }

    fn pool(
        &mut self,
        channels: usize,
        lost: usize,
        input: Values,
        of_input: Option<Slope>,
        (forward, back): (&mut Vec<Call>, &mut Vec<Call>),
    ) -> Result<(Values, Option<Slope>), ModelError> {
        let rows = input.rows;
        let values = self.values(1, 2 * channels)?;
        let constants = [("ROWS", rows), ("CHANNELS", channels)];
        let more = format!("const EPSILON = {EPSILON:?};\nconst LOST = {lost};\n");
        let (order, reals) = (("order", Words, self.shared.order), ("reals", Words, self.shared.reals));
        forward.push(self.chip.call(Kernel {
            text: more.clone() + &filled(include_str!("kernels/pool.wgsl"), &constants),
            buffers: &[order, reals, ("input", Numbers, &input.buffer), ("output", Change, &values.buffer)],
            grid: Grid::of_clips(WIDE, channels, 1, 1),
            every_frame: false,
        }));
        let slope = self.slope(&values, 0, None)?;
        if let (Some(own), Some(of_input)) = (&slope, &of_input) {
            let mut buffers = vec![
                order,
                reals,
                ("input", Numbers, &input.buffer),
                ("output", Numbers, &values.buffer),
                ("gradient", Numbers, &own.buffer),
            ];
            buffers.extend(of_input.buffers());
            back.push(self.chip.call(Kernel {
                text: of_input.text() + &more + &filled(include_str!("kernels/pool_back.wgsl"), &constants),
                buffers: &buffers,
                grid: Grid::of_clips(WIDE, channels, rows, 1),
                every_frame: false,
            }));
        }
        Ok((values, slope))
    }

    fn lstm(
        &mut self,
        [inputs, units]: [usize; 2],
        output: LstmOutput,
        place: usize,
        input: Values,
        of_input: Option<Slope>,
        (forward, back): (&mut Vec<Call>, &mut Vec<Call>),
    ) -> Result<(Values, Option<Slope>), ModelError> {
        let parameters = self.shared.parameters;
        let recurrent = place + inputs * 4 * units;
        let bias = recurrent + units * 4 * units;
        let gates = self.values(FRAMES, 4 * units)?;
        // Cells and outputs have a row of zeros before the first frame's.
        let (cells, outputs) = (self.values(FRAMES + 1, units)?, self.values(FRAMES + 1, units)?);
        let product = Dense { place, depth: inputs, windows: 1, rows: FRAMES, outputs: 4 * units };
        let finish = format!(
            "fn finish(clip: u32, row: u32, column: u32, sum: f32) {{
output[clip * {}u + row * {}u + column] = sum + parameters[{bias}u + column];
}}\n",
            gates.clip, gates.columns
        );
        forward.push(self.product(&product, &input, finish, &[("output", Change, &gates.buffer)]));
        let ends = include_str!("kernels/gates.wgsl");
        let grid = Grid::of_clips(WIDE, units, 1, 4);
        let mut frames = self.chip.call(Kernel {
            text: format!("{ends}{}", tile::frame_forward(units, recurrent)),
            buffers: &[
                ("parameters", Numbers, parameters),
                ("gates", Change, &gates.buffer),
                ("cells", Change, &cells.buffer),
                ("outputs", Change, &outputs.buffer),
            ],
            grid,
            every_frame: true,
        });
        frames.frames = (0..FRAMES as u32).collect();
        forward.push(frames);
        let (order, reals) = (("order", Words, self.shared.order), ("reals", Words, self.shared.reals));
        let real = output == LstmOutput::LastRealFrame;
        let every = output == LstmOutput::EveryFrame;
        let values = if every {
            Values { begin: units, rows: FRAMES, ..outputs.clone() }
        } else {
            let ended = self.values(1, units)?;
            let constants = [("UNITS", units), ("FRAMES", FRAMES), ("REAL", usize::from(real))];
            forward.push(self.chip.call(Kernel {
                text: filled(include_str!("kernels/ending.wgsl"), &constants),
                buffers: &[order, reals, ("outputs", Numbers, &outputs.buffer), ("ended", Change, &ended.buffer)],
                grid: Grid::of_clips(WIDE, units, 1, 1),
                every_frame: false,
            }));
            ended
        };
        let slope = self.slope(&values, 0, None)?;
        let Some(own) = &slope else { return Ok((values, None)) };

        // The gates' gradients have a row of zeros after the last frame's.
        let of_gates = self.values(FRAMES + 1, 4 * units)?;
        let of_cell = self.values(1, units)?;
        let above = match (every, real) {
            (true, _) => "return above[(clip * FRAMES + frame.at) * UNITS + unit];".to_owned(),
            (false, true) => {
                "return select(0.0, above[clip * UNITS + unit], reals[order[step.first + clip]] == frame.at + 1u);"
                    .to_owned()
            }
            (false, false) => "return select(0.0, above[clip * UNITS + unit], frame.at + 1u == FRAMES);".to_owned(),
        };
        let above = format!("fn from_above(clip: u32, unit: u32) -> f32 {{ {above} }}\n");
        let mut frames = self.chip.call(Kernel {
            text: format!("{ends}{above}{}", tile::frame_back(units, recurrent)),
            buffers: &[
                order,
                reals,
                ("parameters", Numbers, parameters),
                ("gates", Numbers, &gates.buffer),
                ("cells", Numbers, &cells.buffer),
                ("above", Numbers, &own.buffer),
                ("of_gates", Change, &of_gates.buffer),
                ("of_cell", Change, &of_cell.buffer),
            ],
            grid,
            every_frame: true,
        });
        frames.frames = (0..FRAMES as u32).rev().collect();
        back.push(frames);
        let of_gates =
            Slope { clip: of_gates.clip, buffer: of_gates.buffer, begin: 0, columns: 4 * units, active: None };
        if let Some(of_input) = &of_input {
            back.push(self.of_input(&product, &input, of_input, &of_gates));
        }
        let of_kernel = Descent {
            rows: FRAMES,
            input: input.steps(),
            gradient: [of_gates.clip, 0],
            place,
            height: inputs,
            columns: 4 * units,
            bias: false,
        };
        back.push(self.descent(&of_kernel, &input.buffer, &of_gates.buffer));
        // A frame's gates saw the output of the frame before it.
        let of_recurrent = Descent { input: outputs.steps(), place: recurrent, height: units, bias: true, ..of_kernel };
        back.push(self.descent(&of_recurrent, &outputs.buffer, &of_gates.buffer));
        Ok((values, slope))
    }
}

/// A layer that is a matrix product with a bias.
struct Dense {
    /// Where its matrix begins among the parameters.
    place: usize,
    /// Terms of a sum, of all windows.
    depth: usize,
    /// Neighbouring rows that are read as one.
    windows: usize,
    /// Rows of a clip that come out.
    rows: usize,
    outputs: usize,
}

/// Frames that the layers before each have lost.
fn lost_before(layers: &[Layer]) -> Vec<usize> {
    layers
        .iter()
        .scan(0, |lost, layer| {
            let before = *lost;
            *lost += layer.frames_lost();
            Some(before)
        })
        .collect()
}
