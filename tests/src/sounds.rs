//! Sound files given to the room's page, one by one, and what comes of each: a clip in full and in place, or a refusal by the
//! file's true name. The table of what is expected is the native readers' own.

#[path = "../../crates/speech/tests/sounds/table.rs"]
pub mod table;

use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use speech::{Decoded, Sound};

use crate::browser::{Browser, Tab, Which};
use crate::program::Server;
use table::{Expected, File, Folder, NEAR, Own, TABLE};

/// The project, from this crate.
const WORKSPACE: &str = "..";
const MINUTE: Duration = Duration::from_secs(60);
/// How often the page has asked the browser's decoder.
const COUNT: &str = "const { prototype } = BaseAudioContext;
    const { decodeAudioData } = prototype;
    window.asked = 0;
    prototype.decodeAudioData = function (...all) {
      window.asked += 1;
      return decodeAudioData.apply(this, all);
    };";

/// What became of a file on the page.
enum Outcome {
    /// A clip's sound, and whether it was the browser that decoded it.
    Clip(Sound, bool),
    /// What the page says of it.
    Refused(String),
}

/// Gives a room's page in this browser all files of the table, and asks the browser's own decoder for each, too.
///
/// # Errors
/// With every file of which page or browser make something else than the table says.
pub async fn all_are_read_or_refused(server: &Server, browser: &Browser, which: Which) -> Result<()> {
    let own = match which {
        Which::Chromium => 0,
        Which::Firefox => 1,
        Which::WebKit => bail!("the table knows nothing of WebKitGTK"),
    };
    let tab = browser.open(&server.page()).await?;
    tab.wait_for("take-part").await?;
    tab.run(COUNT, vec![]).await?;
    let mut wrong = Vec::new();
    for folder in [Folder::Shared, Folder::Fixtures] {
        let place = folder.seen_from(WORKSPACE);
        if !place.exists() {
            println!("LEFT OUT: {} is not here", place.display());
            continue;
        }
        let plain = native(&place.join(folder.plain()))?;
        for file in TABLE.iter().filter(|file| file.folder == folder) {
            let path = place.join(file.name);
            let by_itself = by_the_browser_alone(&tab, &std::fs::read(&path)?).await?;
            let found = match by_itself.as_ref().map(|sound| file.fault(sound.samples(), plain.samples(), NEAR)) {
                None => Own::Not,
                Some(None) => Own::Right,
                Some(Some(fault)) => {
                    println!("{}: {which:?} by itself: {fault}", file.name);
                    Own::Otherwise
                }
            };
            if ![found, Own::Varies].contains(&file.own[own]) {
                wrong.push(format!("{}: {which:?} by itself: {found:?}", file.name));
            }
            let fault = fault(file, found, &give(&tab, &path).await?, &plain);
            wrong.extend(fault.map(|fault| format!("{}: {fault}", file.name)));
        }
    }
    if wrong.is_empty() { Ok(()) } else { bail!("{}", wrong.join("\n")) }
}

/// What is wrong with what became of a file on the page, where the browser by itself makes `own` of it.
fn fault(file: &File, own: Own, outcome: &Outcome, plain: &Sound) -> Option<String> {
    match (file.expected, outcome) {
        (Expected::Sound(..) | Expected::Long(..), Outcome::Clip(sound, false)) => {
            file.fault(sound.samples(), plain.samples(), file.tolerance)
        }
        (Expected::Refused(..), Outcome::Clip(sound, true)) if own == Own::Right => {
            file.fault(sound.samples(), plain.samples(), NEAR)
        }
        (Expected::Refused(name, _), Outcome::Refused(words)) if own == Own::Not => {
            let name = name.split(' ').next().unwrap_or(name);
            (!words.contains(name)).then(|| format!("refused, but not as {name}: {words}"))
        }
        (_, Outcome::Clip(sound, by_browser)) => {
            let reader = if *by_browser { "the browser" } else { "our decoder" };
            Some(format!("{} s, read by {reader}", sound.seconds()))
        }
        (_, Outcome::Refused(words)) => Some(format!("refused: {words}")),
    }
}

/// Chooses one file on the page, gives it a label where its name has none, and takes its clip out of the list again.
async fn give(tab: &Tab<'_>, path: &Path) -> Result<Outcome> {
    const FORGET: &str = "window.asked = 0; document.getElementById('file-summary').replaceChildren()";
    let done = "return document.getElementById('file-summary').hasChildNodes()";
    tab.run(FORGET, vec![]).await?;
    tab.choose_files("file-input", &[PathBuf::from(path)]).await?;
    tab.wait("a word about the file", done, MINUTE).await?;
    let asks = "return document.querySelector('[data-test=\"label-files-0\"]')?.checkVisibility() === true";
    if tab.run(asks, vec![]).await? == true {
        tab.run(FORGET, vec![]).await?;
        tab.click("label-files-0").await?;
        tab.wait("a word about the labelled file", done, MINUTE).await?;
    }
    let by_browser = tab.run("return window.asked > 0", vec![]).await? == true;
    // "1 clip added.", or "0 clips added, 1 file skipped." with the reason below.
    let words = tab.run("return document.getElementById('file-summary').innerText", vec![]).await?;
    let words = words.as_str().unwrap_or_default().trim();
    if !words.starts_with('1') {
        return Ok(Outcome::Refused(words.to_owned()));
    }
    tab.wait_for_clips(1, MINUTE).await?;
    let sound = only_clip(&tab.saved("save-clips").await?)?;
    tab.click("delete").await?;
    tab.wait_for_clips(0, MINUTE).await?;
    Ok(Outcome::Clip(sound, by_browser))
}

/// The sound of the one clip in a zip file.
pub(crate) fn only_clip(zip: &[u8]) -> Result<Sound> {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip))?;
    for index in 0..archive.len() {
        let mut file = archive.by_index(index)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        if bytes.starts_with(b"RIFF") {
            return Ok(speech::decode(&bytes, None)?.sound);
        }
    }
    bail!("there is no clip in the zip file")
}

fn native(path: &Path) -> Result<Sound> {
    Ok(speech::decode(&std::fs::read(path)?, path.to_str())?.sound)
}

/// What the browser's own decoder makes of a file, asked as the page asks it; None where it refuses.
async fn by_the_browser_alone(tab: &Tab<'_>, file: &[u8]) -> Result<Option<Sound>> {
    let script = "const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));
        const text = (blob) => new Promise((resolve) => {
          const reader = new FileReader();
          reader.onload = () => resolve(reader.result.split(',')[1]);
          reader.readAsDataURL(blob);
        });
        const interleaved = (buffer) => {
          const channels = Array.from({ length: buffer.numberOfChannels }, (_, i) => buffer.getChannelData(i));
          return Float32Array.from({ length: buffer.length * channels.length }, (_, i) =>
            channels[i % channels.length][Math.floor(i / channels.length)]);
        };
        return new OfflineAudioContext(1, 1, 48000).decodeAudioData(bytes.buffer).then(
          async (buffer) => [buffer.numberOfChannels, await text(new Blob([interleaved(buffer)]))], () => null)";
    let answer = tab.run(script, vec![json!(BASE64_STANDARD.encode(file))]).await?;
    if answer.is_null() {
        return Ok(None);
    }
    let (channels, text): (u16, String) = serde_json::from_value(answer)?;
    let bytes = BASE64_STANDARD.decode(text)?;
    let (samples, _) = bytes.as_chunks::<4>();
    let samples: Vec<f32> = samples.iter().map(|&sample| f32::from_le_bytes(sample)).collect();
    // Nothing at all is no sound.
    Ok(Decoded::from_pcm(&samples, channels, 48_000).ok().map(|decoded| decoded.sound))
}
