// What a class may teach the computer: the templates of a new room. Labels are names that the tab knows from file names
// (crates/corpus) or plain words. Signs are letters or pictures (js/common/pictures.js); without any, a label has a shape.

/** @typedef {{key: string, labels: string[], signs?: string[]}} Lesson */

/** @type {Lesson[]} */
export const LESSONS = [
  { key: 'emotions4', labels: ['angry', 'happy', 'neutral', 'sad'] },
  { key: 'emotions2', labels: ['happy', 'sad'] },
  { key: 'emotions6', labels: ['angry', 'happy', 'neutral', 'sad', 'afraid', 'surprised'] },
  { key: 'instruments', labels: ['piano', 'guitar', 'flute', 'drums'], signs: ['piano', 'guitar', 'flute', 'drums'] },
  { key: 'vowels', labels: ['a', 'e', 'i', 'o', 'u'], signs: ['a', 'e', 'i', 'o', 'u'] },
  { key: 'birds', labels: ['cuckoo', 'owl', 'duck', 'gull'], signs: ['bird', 'owl', 'duck', 'gull'] },
  { key: 'words', labels: ['left', 'right', 'up', 'down'], signs: ['arrow-left', 'arrow-right', 'arrow-up', 'arrow-down'] },
  { key: 'own', labels: [] },
];
