//! What all charts share: the SVG document with its title and description, escaping, text that fits, and the palette.

/// Width of every chart in its own units; the page scales it. Text of `SMALL` units has 12 pixels from 345 on, a phone's.
pub(crate) const WIDTH: f64 = 400.0;
pub(crate) const FONT: f64 = 15.0;
pub(crate) const SMALL: f64 = 14.0;

/// Mean advance of a letter of a sans-serif font, in ems, on the generous side: no font can be measured here.
const ADVANCE: f64 = 0.57;

/// The palette of Okabe and Ito (2008), those colours first that stand out on white and on black alike.
const PALETTE: [&str; 6] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];

/// The colour of the series with this index, which a page may override by `--series-1` and so on.
pub(crate) fn series_colour(index: usize) -> String {
    let slot = index % PALETTE.len();
    format!("var(--series-{}, {})", slot + 1, PALETTE[slot])
}

/// Text as it may stand between tags and in attributes; characters that XML forbids are dropped.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\u{FFFE}' | '\u{FFFF}' => {}
            letter if letter.is_control() => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// The width that `text` takes at this font size, estimated.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    // Chinese, Japanese and Korean letters and emoji fill the whole em.
    let ems: f64 = text.chars().map(|letter| if letter >= '\u{1100}' { 1.0 } else { ADVANCE }).sum();
    ems * size
}

/// `text`, shortened with an ellipsis where it would be wider than `width`.
pub(crate) fn fit(text: &str, width: f64, size: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_string();
    }
    let mut shortened = String::new();
    for letter in text.chars() {
        if text_width(&shortened, size) + text_width("…", size) + size * ADVANCE > width {
            break;
        }
        shortened.push(letter);
    }
    shortened + "…"
}

/// A share between 0 and 1 in whole per cent, or a dash where there is none.
pub(crate) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.0} %", share * 100.0) } else { "–".to_string() }
}

/// Where a text is fixed to its point.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// An SVG document that is being written.
pub(crate) struct Document {
    height: f64,
    title: String,
    description: String,
    body: String,
}

impl Document {
    /// A document `WIDTH` wide; title and description are what a screen reader says.
    pub(crate) fn new(height: f64, title: &str, description: &str) -> Document {
        Document { height, title: escape(title), description: escape(description), body: String::new() }
    }

    /// Appends an element that is already escaped.
    pub(crate) fn push(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }

    /// The chart's title, above everything.
    pub(crate) fn heading(&mut self, title: &str) {
        self.push(&format!(
            r#"<text x="0" y="14" font-size="{FONT}" font-weight="600">{}</text>"#,
            escape(&fit(title, WIDTH, FONT))
        ));
    }

    /// A line of text whose middle is at height `y`.
    pub(crate) fn text(&mut self, x: f64, y: f64, size: f64, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.push(&format!(
            r#"<text x="{x:.1}" y="{y:.1}" dy="0.35em" font-size="{size}" text-anchor="{anchor}">{}</text>"#,
            escape(text)
        ));
    }

    /// The whole text of the document.
    pub(crate) fn finish(self) -> String {
        let Document { height, title, description, body } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             aria-label=\"{title}\" fill=\"currentColor\" font-family=\"system-ui, sans-serif\">\n\
             <title>{title}</title>\n<desc>{description}</desc>\n{body}</svg>\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_xml_reserves_and_drops_what_it_forbids() {
        assert_eq!(escape("<b>\"R&B\"</b>\u{0}'"), "&lt;b&gt;&quot;R&amp;B&quot;&lt;/b&gt;&#39;");
    }

    #[test]
    fn shortens_only_what_does_not_fit() {
        assert_eq!(fit("happy", 100.0, 10.0), "happy");
        let short = fit("surprised pleasantly", 60.0, 10.0);
        assert!(short.ends_with('…') && text_width(&short, 10.0) <= 60.0);
        assert_eq!(fit("anything", 0.0, 10.0), "…");
    }

    #[test]
    fn says_a_missing_share_plainly() {
        assert_eq!(percent(0.256), "26 %");
        assert_eq!(percent(f64::NAN), "–");
    }
}
