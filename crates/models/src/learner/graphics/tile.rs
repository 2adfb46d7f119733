//! Sums of products, a tile of them an invocation: `R` rows by `C` columns are kept in registers, so that each number that
//! is read serves `R` or `C` products. An invocation's columns lie apart and its neighbour's beside them, so that
//! neighbours read what lies side by side.
//!
//! The texts are unrolled here, for what is indexed by a number that is not in the text goes to memory.

use std::fmt::Write as _;

/// Rows and columns of an invocation's tile.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub rows: usize,
    pub columns: usize,
}

impl Tile {
    /// For a matrix of so many rows and columns: large where there is enough work for all, else smaller, so that more
    /// invocations share it.
    pub fn of(rows: usize, columns: usize) -> Self {
        let wide = if columns >= 256 { 8 } else { 4 };
        let tall = if rows * columns >= 1 << 16 { 8 } else { 4 };
        Self { rows: tall, columns: wide }
    }

    /// Invocations across a matrix of so many columns.
    pub fn across(self, columns: usize) -> usize {
        columns.div_ceil(self.columns)
    }

    /// Text for each row.
    pub fn each_row(self, text: impl Fn(usize) -> String) -> String {
        (0..self.rows).map(text).collect()
    }

    /// Text for each column.
    pub fn each_column(self, text: impl Fn(usize) -> String) -> String {
        (0..self.columns).map(text).collect()
    }

    /// Text for each number of the tile.
    pub fn each(self, text: impl Fn(usize, usize) -> String) -> String {
        self.each_row(|row| self.each_column(|column| text(row, column)))
    }

    /// `sum` of each number, at 0.
    pub fn sums(self) -> String {
        self.each(|row, column| format!("var sum{row}_{column} = 0.0;\n"))
    }

    /// Adds `left` of each row times `right` of each column.
    pub fn add(self) -> String {
        self.each(|row, column| format!("sum{row}_{column} = sum{row}_{column} + left{row} * right{column};\n"))
    }
}

/// A matrix product whose left side has a row for each row of each clip.
pub(super) struct Product {
    /// Rows of a clip.
    pub rows: usize,
    /// Columns of the outcome.
    pub columns: usize,
    /// Numbers between one clip's and the next's, and one row's and the next's, on the left, and where it begins.
    pub left: [usize; 3],
    /// Terms of a sum: so many windows of so many neighbours.
    pub windows: usize,
    pub neighbours: usize,
    /// Where the right side begins, and what is between two of its columns, of its neighbours and of its windows.
    pub right: [i64; 4],
}

impl Product {
    /// WGSL that calls `finish(clip, row, column, sum)` for each number of the outcome. The left side is called `input`,
    /// the right one `parameters`.
    pub fn text(&self, tile: Tile) -> String {
        let Self { rows, columns, left: [clip, row, begin], windows, neighbours, right } = self;
        let [place, per_column, per_neighbour, per_window] = right;
        let across = tile.across(*columns);
        let high = tile.rows;
        let mut text = format!(
            "fn work(id: vec3u) {{
let all = step.batch * {rows}u;
let top = id.y * {high}u;
if (id.x >= {across}u || top >= all) {{ return; }}\n"
        );
        text += &tile.each_row(|r| {
            format!(
                "let row{r} = min(top + {r}u, all - 1u); let clip{r} = row{r} / {rows}u; let at{r} = row{r} % {rows}u;
var from{r} = clip{r} * {clip}u + at{r} * {row}u + {begin}u;\n"
            )
        });
        text += &tile.each_column(|c| format!("let column{c} = min(id.x + {}u, {}u);\n", c * across, columns - 1));
        text += &tile.each_column(|c| format!("let beside{c} = column{c} * {per_column}u;\n"));
        text += &tile.sums();
        let _ = write!(
            text,
            "for (var window = 0u; window < {windows}u; window++) {{
var other = u32({place} + i32(window) * {per_window});
for (var k = 0u; k < {neighbours}u; k++) {{\n"
        );
        text += &tile.each_row(|r| format!("let left{r} = input[from{r}]; from{r}++;\n"));
        text += &tile.each_column(|c| format!("let right{c} = parameters[other + beside{c}];\n"));
        text += &tile.add();
        let _ = writeln!(text, "other += {per_neighbour}u;\n}}\n}}");
        text += &tile.each(|r, c| {
            format!(
                "if (top + {r}u < all && id.x + {}u < {columns}u) {{ finish(clip{r}, at{r}, column{c}, sum{r}_{c}); }}\n",
                c * across
            )
        });
        text + "}\n"
    }
}

/// The gradient of a matrix of parameters: the sum over all rows of all clips of what went in (`input`, a row of this
/// matrix each) times the gradient of what came out (`gradient`, a column each).
pub(super) struct Descent {
    /// Rows of a clip.
    pub rows: usize,
    /// What went in: numbers from clip to clip and from row to row, and where it begins.
    pub input: [usize; 3],
    /// The gradient of what came out: from clip to clip, and where it begins; its rows have no gaps.
    pub gradient: [usize; 2],
    /// Where the matrix begins among the parameters, its rows, and its columns.
    pub place: usize,
    pub height: usize,
    pub columns: usize,
    /// Whether a bias follows it, which is one row more, with ones going in.
    pub bias: bool,
}

impl Descent {
    /// Rows of the matrix, bias included.
    pub fn all_rows(&self) -> usize {
        self.height + usize::from(self.bias)
    }

    /// WGSL that calls `descend(place, gradient)` for each parameter.
    pub fn text(&self, tile: Tile) -> String {
        let Self { rows, input: [clip, row, begin], gradient: [of_clip, of_begin], place, height, columns, bias } =
            self;
        let across = tile.across(*columns);
        let (all, high) = (self.all_rows(), tile.rows);
        let mut text = format!(
            "fn work(id: vec3u) {{
let top = id.y * {high}u;
if (id.x >= {across}u || top >= {all}u) {{ return; }}\n"
        );
        text += &tile.each_row(|r| {
            let ones = format!("let one{r} = select(0.0, 1.0, top + {r}u == {height}u);\n");
            let row = format!("let row{r} = min(top + {r}u, {}u);\n", height - 1);
            if *bias { row + &ones } else { row }
        });
        text += &tile.each_column(|c| format!("let column{c} = min(id.x + {}u, {}u);\n", c * across, columns - 1));
        text += &tile.sums();
        let _ = write!(
            text,
            "for (var clip = 0u; clip < step.batch; clip++) {{
var start = clip * {clip}u + {begin}u;
var slope = clip * {of_clip}u + {of_begin}u;
for (var k = 0u; k < {rows}u; k++) {{\n"
        );
        text += &tile.each_row(|r| match bias {
            true => format!("let left{r} = input[start + row{r}] * (1.0 - one{r}) + one{r};\n"),
            false => format!("let left{r} = input[start + row{r}];\n"),
        });
        text += &tile.each_column(|c| format!("let right{c} = gradient[slope + column{c}];\n"));
        text += &tile.add();
        let _ = writeln!(text, "start += {row}u;\nslope += {columns}u;\n}}\n}}");
        text += &tile.each(|r, c| {
            format!(
                "if (top + {r}u < {all}u && id.x + {}u < {columns}u) {{
descend({place}u + (top + {r}u) * {columns}u + column{c}, sum{r}_{c}); }}\n",
                c * across
            )
        });
        text + "}\n"
    }
}

/// One frame of an LSTM of so many units forwards: its gates from the output of the frame before, for four clips and one
/// unit an invocation. Before it, `gates` has what the input and the bias give; after it, the gates as they are open.
pub(super) fn frame_forward(units: usize, recurrent: usize) -> String {
    let tile = Tile { rows: 4, columns: 4 };
    let mut text = frame_begin(units);
    text += &tile.each_row(|r| {
        format!("let before{r} = (clip{r} * (FRAMES + 1u) + frame.at) * UNITS; let gate{r} = (clip{r} * FRAMES + frame.at) * 4u * UNITS + unit;\n")
    });
    text += &tile.each(|r, c| format!("var sum{r}_{c} = gates[gate{r} + {c}u * UNITS];\n"));
    let _ =
        write!(text, "if (frame.at > 0u) {{\nvar other = {recurrent}u + unit;\nfor (var k = 0u; k < UNITS; k++) {{\n");
    text += &tile.each_row(|r| format!("let left{r} = outputs[before{r} + k];\n"));
    text += &tile.each_column(|c| format!("let right{c} = parameters[other + {c}u * UNITS];\n"));
    text += &tile.add();
    text += "other += 4u * UNITS;\n}\n}\n";
    text += &tile.each_row(|r| {
        format!(
            "if (top + {r}u < step.batch) {{
let input = open(sum{r}_0); let forget = open(sum{r}_1); let candidate = squash(sum{r}_2); let output = open(sum{r}_3);
let cell = forget * cells[before{r} + unit] + input * candidate;
gates[gate{r}] = input; gates[gate{r} + UNITS] = forget; gates[gate{r} + 2u * UNITS] = candidate; gates[gate{r} + 3u * UNITS] = output;
cells[before{r} + UNITS + unit] = cell;
outputs[before{r} + UNITS + unit] = output * squash(cell);
}}\n"
        )
    });
    text + "}\n"
}

/// The way back through one frame: from the gradients of its output, that of the frame after it and the one from above
/// (`from_above(clip)`), to those of the gates before their activations and of the cell before it (`of_cell`).
pub(super) fn frame_back(units: usize, recurrent: usize) -> String {
    let tile = Tile { rows: 4, columns: 1 };
    let mut text = frame_begin(units);
    text += &tile.each_row(|r| format!("var sum{r}_0 = from_above(clip{r}, unit);\n"));
    text += &tile.each_row(|r| format!("let gate{r} = (clip{r} * (FRAMES + 1u) + frame.at) * 4u * UNITS;\n"));
    let _ = write!(
        text,
        "if (frame.at + 1u < FRAMES) {{\nlet other = {recurrent}u + unit * 4u * UNITS;\nfor (var k = 0u; k < 4u * UNITS; k++) {{\n"
    );
    text += &tile.each_row(|r| format!("let left{r} = of_gates[gate{r} + 4u * UNITS + k];\n"));
    text += "let right0 = parameters[other + k];\n";
    text += &tile.add();
    text += "}\n}\n";
    text += &tile.each_row(|r| {
        format!(
            "if (top + {r}u < step.batch) {{
let gate = (clip{r} * FRAMES + frame.at) * 4u * UNITS + unit;
let input = gates[gate]; let forget = gates[gate + UNITS]; let candidate = gates[gate + 2u * UNITS]; let output = gates[gate + 3u * UNITS];
let before = (clip{r} * (FRAMES + 1u) + frame.at) * UNITS + unit;
let squashed = squash(cells[before + UNITS]);
var cell = sum{r}_0 * output * (1.0 - squashed * squashed);
if (frame.at + 1u < FRAMES) {{ cell += of_cell[clip{r} * UNITS + unit]; }}
of_gates[gate{r} + unit] = cell * candidate * (input - input * input);
of_gates[gate{r} + UNITS + unit] = cell * cells[before] * (forget - forget * forget);
of_gates[gate{r} + 2u * UNITS + unit] = cell * input * (1.0 - candidate * candidate);
of_gates[gate{r} + 3u * UNITS + unit] = sum{r}_0 * squashed * (output - output * output);
of_cell[clip{r} * UNITS + unit] = cell * forget;
}}\n"
        )
    });
    text + "}\n"
}

fn frame_begin(units: usize) -> String {
    let frames = crate::FRAMES;
    let clips: String = (0..4).map(|r| format!("let clip{r} = min(top + {r}u, step.batch - 1u);\n")).collect();
    format!(
        "const UNITS = {units}u;
const FRAMES = {frames}u;
fn work(id: vec3u) {{
let unit = id.x;
let top = id.y * 4u;
if (unit >= UNITS || top >= step.batch) {{ return; }}
{clips}"
    )
}
