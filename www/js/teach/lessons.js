// What a class may teach the computer: the templates of a new room. Labels are names that the tab knows from file names
// (crates/corpus) or plain words; pictures are drawn over each label's shape.

/** @typedef {{key: string, labels: string[]}} Lesson */

/** @type {Lesson[]} */
export const LESSONS = [
  { key: 'emotions4', labels: ['angry', 'happy', 'neutral', 'sad'] },
  { key: 'emotions2', labels: ['happy', 'sad'] },
  { key: 'emotions6', labels: ['angry', 'happy', 'neutral', 'sad', 'afraid', 'surprised'] },
  { key: 'instruments', labels: ['piano', 'guitar', 'flute', 'drums'] },
  { key: 'vowels', labels: ['a', 'e', 'i', 'o', 'u'] },
  { key: 'own', labels: [] },
];
