// The shapes of what the page and its worker say to each other. Types only: nothing here runs.

/** @typedef {{columns: number, bands: number, pixels: Uint8Array}} Spectrogram 0 to 255, column after column, low frequencies first */

/**
 * @typedef {object} Clip
 * @property {number} id
 * @property {string} name
 * @property {number} label index into the room's labels
 * @property {number} seconds
 * @property {boolean} made_up spoken by a synthetic voice
 * @property {boolean} corrected added because the model was wrong about it
 * @property {boolean} held_back kept for the test, never trained on
 * @property {string[]} complaints names in words.quality.advice, the worst first
 * @property {Int8Array} waveform lowest and highest sample of each column of the picture, −127 to 127 for the clip's own peak
 * @property {Spectrogram} spectrogram
 */

/**
 * @typedef {object} Person
 * @property {string} name
 * @property {import('../live/api-shapes.js').ClientState} state
 * @property {boolean} passed_over the open round does without them
 * @property {number} examples
 * @property {number[]} labels clips of each label
 * @property {boolean} me
 */

/**
 * @typedef {object} Work what the tab is busy with
 * @property {'statistics' | 'evaluating' | 'training' | 'downloading' | 'waiting' | 'uploading'} what
 * @property {number} fraction 0 to 1
 * @property {number | null} epoch counted from 1; this and the next three only while training
 * @property {number | null} epochs
 * @property {number | null} step counted from 1
 * @property {number | null} steps
 */

/**
 * @typedef {object} RoundResult
 * @property {number} round
 * @property {number | null} shared_loss of the model that came out of this round, on all clips that are held back; known once the next round begins
 * @property {number | null} shared_accuracy 0 to 1
 * @property {number | null} own_loss of the same model, on the clips that are held back here
 * @property {number | null} own_accuracy 0 to 1
 * @property {number} clients
 * @property {number} examples
 */

/**
 * @typedef {object} State the whole view, sent by the worker on every change
 * @property {'connecting' | 'open' | 'lost' | 'closed'} connection
 * @property {number | null} retry_in_s
 * @property {string | null} closed why the room has closed the connection for good: an error's code of the protocol
 * @property {{code: string, name: string, labels: string[], model: string, parameters: number, rounds: number, least_clients: number} | null} room nothing until the room has been opened
 * @property {string | null} name the nickname as the room knows it; its host may have given another
 * @property {string | null} phase lobby, normalising, collecting or finished
 * @property {boolean} held the room waits until its server can store it
 * @property {number} round
 * @property {number} rounds
 * @property {Person[]} clients
 * @property {Clip[]} clips
 * @property {number[]} removed the clips that undoing the last deletion brings back
 * @property {number | null} tuning how far the personal model is, 0 to 1, while it is being made
 * @property {Personal | null} personal the personal model, once there is one
 * @property {boolean} try_mine whether the personal model is tried rather than the shared one
 * @property {boolean} taking_part
 * @property {{choice: 'auto' | 'webgpu' | 'cpu', kind: 'cpu' | 'webgpu' | null, name: string | null, reason: string | null}} backend
 * @property {'absent' | 'loading' | 'ready' | 'failed'} trainer
 * @property {Work | null} work
 * @property {{sent: number, received: number}} bytes
 * @property {RoundResult[]} history
 * @property {boolean} has_model whether there is a shared model to try
 * @property {boolean} finished
 */

/** @typedef {NonNullable<State['room']>} Room */

/** @typedef {State & {room: Room}} RoomState the view of an opened room, which is all that the panels get */

/** @typedef {{accuracy: string, loss: string, confusion: string | null}} Charts SVG text */

/** @typedef {{clip: number, label: number, mine: number, ours: number}} Compared a clip that was kept for the test: what it is, and what each model hears */

/**
 * @typedef {object} Personal
 * @property {number} version the shared version that it came from
 * @property {number} epochs that it went on for
 * @property {number} clips that it was trained on
 * @property {number | null} shared_version beside which it is put; none until the shared model is here
 * @property {Compared[] | null} compared none until both models have heard them
 */

/**
 * @typedef {object} Live
 * @property {number[] | null} probabilities none where nothing is heard
 * @property {number} level
 * @property {number} since when the first piece of sound came that is new in this answer, by `performance.now`
 * @property {number} at when the last one came
 */

/**
 * @typedef {object} Receipt of one message, of a run of messages of `progress`, or of the frames of one update
 * @property {number} number counted from 1
 * @property {number} at milliseconds since 1970
 * @property {number} until the same for the last of a run
 * @property {string} kind the message's type, or `numbers`
 * @property {number} count messages or frames
 * @property {number} bytes
 * @property {string} sha256 of the last message, or of all frames one after the other
 * @property {string} json the last message, its secret replaced by dots
 * @property {{count: number, norm: number, smallest: number, largest: number} | null} numbers
 */

/** @typedef {{columns: number, rows: number, pixels: Uint8Array}} UpdatePicture 0 to 255, 128 is zero */

/** @typedef {{clips: number, sound_bytes: number, feature_bytes: number, searched_bytes: number, proved: boolean, found: [number, number][]}} Searched */

export {};
