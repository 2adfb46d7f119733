// What a sound format is called in every language: its technical name, found in what the program says about a file. Pure.

/** As they stand in the program's sentences; of two that fit, the first is meant. */
const NAMES = [
  'AMR-NB', 'AMR-WB', 'GSM 6.10', 'QCELP', 'EVRC', 'SILK', 'Speex', 'Opus', 'Vorbis', 'E-AC-3', 'AC-3', 'DTS', 'WMA', 'AVI', 'WavPack',
  'Monkey\'s Audio', 'Musepack', 'True Audio', 'Shorten', 'Creative VOC', 'RealAudio', 'DSD', 'QDesign Music', 'MACE', 'Apple Lossless',
  'G.723', 'G.726', 'G.729', 'ATRAC', 'AAC', 'MP3', 'MP2', 'FLAC', 'PCM', 'ADPCM',
];

/**
 * @param {string} sentence
 * @returns {string} nothing where no format is named that is known here
 */
export function formatName(sentence) {
  // What a person should make of it is named behind the first colon.
  const [what] = sentence.split(':');
  return NAMES.find((name) => what.includes(name)) ?? '';
}
