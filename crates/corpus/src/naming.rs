//! Label, speaker and split of sounds, from their paths alone. No disk is looked at, so it works on what a browser is given
//! too.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::Part;
use crate::emotion::Emotion;
use crate::part;
use crate::published::{self, Published, Said};
use crate::tree::Tree;
use crate::vocabulary::{Vocabulary, Word};
use text::composed;

/// How many folders above a sound a published corpus' pattern may ask for.
const FOLDERS: usize = 3;

/// The index in `labels` that the path alone speaks of, if it does; see [`labels_of`].
pub fn label_of(path: &str, labels: &[String]) -> Option<usize> {
    labels_of(&[path], labels).into_iter().next().flatten()
}

/// The index in `labels` that each of the paths of one tree speaks of, if it does.
///
/// Looked at in this order: the file names of [published corpora](crate::TABLE), the folders from the innermost outwards, and
/// the words of the file's own name. A folder or name counts if it is a label, or has words that are labels or mean one in
/// English, German or Spanish; two that disagree count as none, and so does "not angry". A folder is a label only where the
/// folders beside it are, too, which keeps `Rabia` beside `Anna` a person. Excited speech is happy where no label is called so
/// and nothing else in the tree is happy.
///
/// None also where a published name's emotion (such as calm) is not among the labels.
pub fn labels_of<S: AsRef<str>>(paths: &[S], labels: &[String]) -> Vec<Option<usize>> {
    let vocabulary = Vocabulary::new(labels);
    let names = read(paths, &vocabulary);
    let felt = felt(names.iter().filter_map(|name| name.word.as_ref()));
    names.iter().map(|name| vocabulary.label_of(name.word.as_ref()?, &felt)).collect()
}

/// Who speaks, if the path says so: by a published corpus' file name, else the innermost folder that names neither an emotion
/// nor a part of a split nor sound in general.
pub fn speaker_of(path: &str) -> Option<String> {
    read(&[path], &Vocabulary::new(&[])).pop()?.speaker
}

/// What a path says of its sound.
pub(crate) struct Name {
    /// What a published corpus' name says, if it is one.
    pub(crate) said: Option<Said>,
    /// What is felt.
    pub(crate) word: Option<Word>,
    /// A folder that could mean an emotion, but does not clearly.
    pub(crate) doubt: Option<String>,
    pub(crate) speaker: Option<String>,
    /// The part of the corpus' own split.
    pub(crate) part: Option<Part>,
}

/// What each path of a tree says.
pub(crate) fn read<S: AsRef<str>>(paths: &[S], vocabulary: &Vocabulary<'_>) -> Vec<Name> {
    let paths: Vec<Cow<'_, str>> = paths.iter().map(|path| composed(path.as_ref())).collect();
    let parts: Vec<Parts<'_>> = paths.iter().map(|path| Parts::of(path)).collect();
    let said: Vec<Option<Said>> = published_names(&parts);
    let unsaid = parts.iter().zip(&said).filter(|(_, said)| !said.as_ref().is_some_and(Said::is_all));
    let tree = Tree::of(unsaid.map(|(parts, _)| parts), vocabulary);
    let beside_test = parts.iter().any(|parts| part::has_test(&parts.folders));
    let name = |(parts, said): (&Parts<'_>, Option<Said>)| {
        let part = part::part_of(&parts.folders, beside_test);
        let own = said.as_ref().and_then(|said| said.emotion.as_ref());
        let word = own.map(|(code, emotion)| vocabulary.meaning(code, Some(*emotion)));
        let speaker = said.as_ref().and_then(|said| said.speaker.clone());
        if said.as_ref().is_some_and(Said::is_all) {
            return Name { said, word, doubt: None, speaker, part };
        }
        // A corpus whose names tell nobody is not divided by its folders either.
        let nobody = said.as_ref().is_some_and(|said| said.corpus.speaker.is_empty());
        let placed = tree.place(parts);
        Name {
            said,
            word: word.or(placed.word),
            doubt: placed.doubt,
            speaker: speaker.or(placed.speaker.filter(|_| !nobody)),
            part,
        }
    };
    parts.iter().zip(said).map(name).collect()
}

/// The emotions that words speak of.
pub(crate) fn felt<'w>(words: impl IntoIterator<Item = &'w Word>) -> HashSet<Emotion> {
    words.into_iter().filter_map(|word| word.emotion).collect()
}

/// What published corpora's names say: of each name the corpus that it could be of and that most of the others could be of,
/// too, for some corpora have names of the same form.
fn published_names(parts: &[Parts<'_>]) -> Vec<Option<Said>> {
    let tails: Vec<String> = parts.iter().map(Parts::tail).collect();
    let candidates: Vec<Vec<&'static Published>> =
        tails.iter().map(|tail| published::candidates(tail).collect()).collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for corpus in candidates.iter().flatten() {
        *counts.entry(corpus.id).or_default() += 1;
    }
    let best = |candidates: &[&'static Published]| {
        let count = |corpus: &Published| counts.get(corpus.id).copied().unwrap_or(0);
        // The first of the greatest.
        candidates.iter().copied().rev().max_by_key(|corpus| count(corpus))
    };
    tails.iter().zip(&candidates).map(|(tail, candidates)| published::read(tail, best(candidates)?)).collect()
}

/// A path taken apart.
pub(crate) struct Parts<'a> {
    /// From the outermost to the innermost.
    pub(crate) folders: Vec<&'a str>,
    /// The file's name without its extension.
    pub(crate) stem: &'a str,
}

impl<'a> Parts<'a> {
    pub(crate) fn of(path: &'a str) -> Self {
        let mut folders: Vec<&str> =
            path.split(['/', '\\']).filter(|part| !part.is_empty() && *part != "." && *part != "..").collect();
        let file = folders.pop().unwrap_or_default();
        let stem = match file.rsplit_once('.') {
            Some((stem, _)) if !stem.is_empty() => stem,
            _ => file,
        };
        Self { folders, stem }
    }

    /// The end of the path, without the extension.
    fn tail(&self) -> String {
        let above = &self.folders[self.folders.len().saturating_sub(FOLDERS)..];
        above.iter().chain([&self.stem]).copied().collect::<Vec<_>>().join("/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn four() -> Vec<String> {
        crate::EMOTIONS.map(String::from).to_vec()
    }

    fn word(path: &str) -> Option<&'static str> {
        label_of(path, &four()).map(|label| crate::EMOTIONS[label])
    }

    #[test]
    fn folders_name_the_label_in_three_languages() {
        for path in
            ["angry/1.wav", "ANGER/1.wav", "Wütend/1.wav", "enojado\\1.wav", "OAF_angry/x.wav", "01 angry/x.wav"]
        {
            assert_eq!(word(path), Some("angry"), "{path}");
        }
        assert_eq!(word("fröhlich/Ben/1.ogg"), Some("happy"));
        assert_eq!(word("Traurigkeit/a b c.mp3"), Some("sad"));
        assert_eq!(word("clips/tristeza/1.flac"), Some("sad"));
        assert_eq!(word("excited/1.wav"), Some("happy"));
    }

    #[test]
    fn the_innermost_folder_wins_and_two_labels_in_a_name_are_none() {
        assert_eq!(word("happy/sad/1.wav"), Some("sad"));
        assert_eq!(word("happy_or_sad/1.wav"), None);
        assert_eq!(word("unhappy/1.wav"), None);
        assert_eq!(word("fear/1.wav"), None);
    }

    #[test]
    fn a_published_name_outweighs_the_folder_that_the_corpus_was_put_in() {
        assert_eq!(word("happy project/03-01-05-01-01-01-01.wav"), Some("angry"));
        assert_eq!(word("happy project/03-01-02-01-01-01-01.wav"), None);
        let with_calm = [four(), vec!["Calm".to_string()]].concat();
        assert_eq!(label_of("03-01-02-01-01-01-01.wav", &with_calm), Some(4));
    }

    #[test]
    fn the_files_own_name_is_asked_last() {
        assert_eq!(word("angry_03.wav"), Some("angry"));
        assert_eq!(word("Anna-wu\u{308}tend (2).m4a"), Some("angry"));
        assert_eq!(word("sad/happy.wav"), Some("sad"));
    }

    #[test]
    fn rooms_may_name_their_own_labels() {
        let labels = ["Yes", "No", "Wut"].map(String::from);
        assert_eq!(label_of("yes/1.wav", &labels), Some(0));
        assert_eq!(label_of("x/NO.wav", &labels), Some(1));
        assert_eq!(label_of("angry/1.wav", &labels), Some(2));
        assert_eq!(read(&["Anna/yes/1.wav"], &Vocabulary::new(&labels))[0].speaker.as_deref(), Some("Anna"));
    }

    #[test]
    fn the_speaker_is_the_innermost_folder_that_names_no_emotion() {
        assert_eq!(speaker_of("class/Anna/angry/1.wav").as_deref(), Some("Anna"));
        assert_eq!(speaker_of("angry/Anna/1.wav").as_deref(), Some("Anna"));
        assert_eq!(speaker_of("fear/1.wav"), None);
        assert_eq!(speaker_of("JE/h03.wav").as_deref(), Some("savee_je"));
        assert_eq!(speaker_of("1.wav"), None);
    }

    #[test]
    fn odd_names_say_nothing() {
        for path in ["", "/", ".", "..", ".wav", "....", "\u{0}", "a/\u{202e}/b", "🎤/🎤.wav", "-/_/ .wav"] {
            assert_eq!(word(path), None, "{path:?}");
            let _ = speaker_of(path);
        }
        assert_eq!(label_of("angry/1.wav", &[]), None);
        assert_eq!(label_of("/1.wav", &[String::new()]), None);
    }

    /// What each path of a tree is called in the four labels, and who speaks.
    fn tree(paths: &[&str]) -> Vec<(Option<&'static str>, Option<String>)> {
        let labels = four();
        let labelled = labels_of(paths, &labels);
        let names = read(paths, &Vocabulary::new(&labels));
        labelled
            .iter()
            .zip(names)
            .map(|(label, name)| (label.map(|label| crate::EMOTIONS[label]), name.speaker))
            .collect()
    }

    fn is(label: &'static str, speaker: &str) -> (Option<&'static str>, Option<String>) {
        (Some(label), Some(speaker.to_owned()))
    }

    #[test]
    fn people_called_like_emotions_are_people_beside_people() {
        let found =
            tree(&["Rabia/angry/1.wav", "Rabia/sad/1.wav", "Ang/happy/1.wav", "Anna/angry/1.wav", "Alegría/sad/2.wav"]);
        let expected =
            [is("angry", "Rabia"), is("sad", "Rabia"), is("happy", "Ang"), is("angry", "Anna"), is("sad", "Alegría")];
        assert_eq!(found, expected);
        // Without anything else they say nothing, alone as together.
        assert_eq!(
            tree(&["Rabia/1.wav", "Ang/1.wav", "Alegría/1.wav"]).iter().filter(|one| one.0.is_some()).count(),
            0
        );
        assert_eq!(word("Joy/1.wav"), None);
        assert_eq!(word("Joy/angry/1.wav"), Some("angry"));
    }

    #[test]
    fn the_same_words_are_labels_beside_labels() {
        let found = tree(&["Joy/Anna/1.wav", "Anger/Anna/1.wav", "Sadness/Ben/1.wav", "Neutral/Ben/1.wav"]);
        assert_eq!(found, [is("happy", "Anna"), is("angry", "Anna"), is("sad", "Ben"), is("neutral", "Ben")]);
        let found = tree(&["Anna/rabia/1.wav", "Anna/alegría/1.wav", "Anna/tristeza/1.wav", "Ben/rabia/1.wav"]);
        assert_eq!(found, [is("angry", "Anna"), is("happy", "Anna"), is("sad", "Anna"), is("angry", "Ben")]);
        let found = tree(&["ang/1.wav", "hap/1.wav", "neu/1.wav", "exc/1.wav"]);
        assert_eq!(
            found.iter().map(|one| one.0).collect::<Vec<_>>(),
            [Some("angry"), Some("happy"), Some("neutral"), None]
        );
        let found = tree(&["x1_ang_1.wav", "x1_hap_1.wav", "x1_neu_2.wav", "x2_sad_1.wav"]);
        assert_eq!(
            found.iter().map(|one| one.0).collect::<Vec<_>>(),
            [Some("angry"), Some("happy"), Some("neutral"), Some("sad")]
        );
    }

    #[test]
    fn new_recordings_are_not_neutral_and_not_angry_is_not_angry() {
        for paths in [
            &["Aufnahmen neu/Anna/1.wav", "Aufnahmen neu/Ben/2.wav"][..],
            &["Aufnahmen neu/Anna/1.wav", "Aufnahmen alt/Ben/2.wav"],
            &["not angry/Anna/1.wav", "nicht traurig/Ben/1.wav"],
        ] {
            assert!(tree(paths).iter().all(|(label, _)| label.is_none()), "{paths:?}");
        }
        assert_eq!(tree(&["angry/Anna/1.wav", "not angry/Anna/1.wav"])[1].0, None);
        assert_eq!(tree(&["angry/Anna/1.wav", "not angry/Anna/1.wav"])[0].0, Some("angry"));
        // "Happy" in one name of four is an occasion, not a label.
        let found = tree(&["Monday/1.wav", "Tuesday/1.wav", "Wednesday/1.wav", "Happy Hour/1.wav"]);
        assert!(found.iter().all(|(label, _)| label.is_none()));
    }

    #[test]
    fn excited_is_not_added_to_what_is_happy_already() {
        let found = tree(&["Anna/excited/1.wav", "Anna/sad/1.wav"]);
        assert_eq!(found[0].0, Some("happy"));
        let found = tree(&["Anna/excited/1.wav", "Anna/happy/1.wav"]);
        assert_eq!((found[0].0, found[1].0), (None, Some("happy")));
    }

    #[test]
    fn splits_and_sound_folders_are_nobody() {
        let paths = ["train/wav/angry/1.wav", "train/wav/sad/2.wav", "test/wav/angry/3.wav", "dev/wav/sad/4.wav"];
        assert!(tree(&paths).iter().all(|(label, speaker)| label.is_some() && speaker.is_none()));
        let labels = four();
        let part = |paths: &[&str]| {
            read(paths, &Vocabulary::new(&labels)).into_iter().map(|name| name.part).collect::<Vec<_>>()
        };
        assert_eq!(part(&paths), [Some(Part::Train), Some(Part::Train), Some(Part::Test), Some(Part::Validation)]);
        // In ESD the evaluation set stands beside a test set, and is for validation.
        assert_eq!(part(&["evaluation/a/1.wav", "test/a/1.wav"]), [Some(Part::Validation), Some(Part::Test)]);
        assert_eq!(part(&["evaluation/a/1.wav", "train/a/1.wav"]), [Some(Part::Test), Some(Part::Train)]);
        let found = tree(&["train/Anna/angry/1.wav", "test/Ben/angry/1.wav"]);
        assert_eq!(found, [is("angry", "Anna"), is("angry", "Ben")]);
    }

    #[test]
    fn a_folder_around_everything_is_nobody() {
        let found = tree(&["My corpus 2024/angry/1.wav", "My corpus 2024/sad/1.wav"]);
        assert!(found.iter().all(|(label, speaker)| label.is_some() && speaker.is_none()));
    }

    #[test]
    fn names_of_two_forms_are_those_of_the_corpus_that_has_most_of_them() {
        // BanglaSER's names look like those of RAVDESS, except for its third repetitions and texts.
        let bangla = ["Actor 1/03-01-01-01-01-01-01.wav", "Actor 1/03-01-03-01-03-03-01.wav"];
        assert_eq!(tree(&bangla), [is("happy", "banglaser_01"), is("angry", "banglaser_01")]);
        let ravdess = ["Actor_01/03-01-01-01-01-01-01.wav", "Actor_01/03-01-07-01-01-01-01.wav"];
        assert_eq!(tree(&ravdess)[0], is("neutral", "ravdess_01"));
    }

    #[test]
    fn four_times_as_many_names_take_about_four_times_as_long() {
        let labels = four();
        let seconds = |paths: &[String]| {
            let time = |_| {
                let begun = std::time::Instant::now();
                assert!(labels_of(paths, &labels).iter().any(Option::is_some));
                begun.elapsed().as_secs_f64()
            };
            (0..3).map(time).fold(f64::INFINITY, f64::min)
        };
        // Words that have to be held against all names beside them: of files in one folder, and of folders.
        for form in [|n: usize| format!("clips/{n}_neu.wav"), |n: usize| format!("Joy {n}/sad/1.wav")] {
            let paths: Vec<String> = (0..2_000).map(form).chain(["clips/angry.wav".to_owned()]).collect();
            // Where every name is held against every other one, it is sixteen times, however often that is looked at; other programs
            // get in between now and then.
            let mut times = (0..10).map(|_| seconds(&paths) / seconds(&paths[1_500..]));
            assert!(times.any(|times| times < 9.0), "{} takes more than nine times as long", paths[0]);
        }
    }

    const PATHS: &str = "([a-zäJ0-9_ .()-]{0,9}|joy|neu|angry|test|wav|DC|03a01Fa|Ang)\
                         (/([a-z0-9_ ]{0,6}|sad|rabia|train)){0,3}(.wav)?";

    proptest::proptest! {
        /// Whatever files are called: nothing panics, and a tree's order does not matter.
        #[test]
        fn names_of_any_form_are_read(mut paths in proptest::collection::vec(PATHS, 0..12)) {
            let labels = four();
            let before = labels_of(&paths, &labels);
            proptest::prop_assert!(before.iter().flatten().all(|label| *label < labels.len()));
            paths.reverse();
            let after: Vec<Option<usize>> = labels_of(&paths, &labels).into_iter().rev().collect();
            proptest::prop_assert_eq!(before, after);
        }
    }
}
