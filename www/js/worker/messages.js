// The shapes of what the page and its worker say to each other. Types only: nothing here runs.

/** @typedef {'watching' | 'recording' | 'ready' | 'normalising' | 'training' | 'waiting' | 'uploading' | 'accepted' | 'refused' | 'offline'} ClientState */

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
 * @property {boolean} unseen the room sees nothing of it: it looks at text alone, and this clip has none
 * @property {string | null} transcript what is said in it, where that is known
 * @property {string[]} complaints names in words.quality.advice, the worst first
 * @property {Int8Array} waveform lowest and highest sample of each column of the picture, −127 to 127 for the clip's own peak
 * @property {Spectrogram} spectrogram
 */

/**
 * @typedef {object} Person
 * @property {string} name
 * @property {ClientState} state
 * @property {boolean} passed_over the open round does without them
 * @property {number} examples
 * @property {number[]} labels clips of each label
 * @property {boolean} me
 * @property {number | null} waited_ms the connection is lost, and the room waits for it so long
 * @property {boolean} diverged they stopped because their training diverged
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
 * @property {number | null} shared_clips that it was measured on
 * @property {number | null} own_loss of the same model, on the clips that are held back here
 * @property {number | null} own_accuracy 0 to 1
 * @property {number | null} own_clips that it was measured on
 * @property {number} clients
 * @property {number} examples
 */

/**
 * @typedef {object} Budget what a room with noise has given away of one person, and what it may
 * @property {number} published rounds that are counted
 * @property {number} left rounds that may still be published
 * @property {'clip'} [hides] single clips; nothing: persons
 * @property {number} best_guess 0.5 to 1: how often whoever knows everything else would guess right now, at most
 * @property {number} best_guess_at_end and when all rounds are over
 * @property {number} clients that are reckoned with
 * @property {number} clients_needed with far fewer the noise drowns what they could teach the model
 */

/**
 * @typedef {object} State the whole view, sent by the worker on every change
 * @property {'connecting' | 'open' | 'lost' | 'closed'} connection
 * @property {number | null} retry_in_s
 * @property {string | null} closed why the room has closed the connection for good: an error's code of the protocol
 * @property {{code: string, name: string, labels: string[], signs: string[], prompts: string[][], groups: string[], model: string, parameters: number, rounds: number, max_clients: number, masked: boolean, hears: boolean, reads: boolean} | null} room signs, prompts: of each label where the host chose them; groups: of which people may say that they are in one; hears, reads: what of a clip its model is given; nothing until the room has been opened
 * @property {string | null} name the nickname as the room knows it; its host may have given another
 * @property {string | null} phase lobby, normalising, collecting or finished
 * @property {boolean} full there is no place in the room just now
 * @property {boolean} held the room waits until its server can store it
 * @property {boolean} singles_out no round begins, for the sum of those who are here would show what few of them gave
 * @property {boolean} paused its host lets no further round begin
 * @property {number} model_version rounds that are done
 * @property {number} ready laptops that take part
 * @property {number} least laptops that begin a round
 * @property {number} received answers that are in
 * @property {number} goal answers that close the present phase
 * @property {number} round
 * @property {number} rounds
 * @property {Budget | null} budget in a room with noise, what it has given away and what it may
 * @property {{words: string[], seats: number} | null} masked_together in a masked room, whose numbers are masked together
 * @property {Person[]} clients
 * @property {Clip[]} clips
 * @property {number[]} removed the clips that undoing the last deletion brings back
 * @property {number | null} tuning how far the personal model is, 0 to 1, while it is being made
 * @property {Personal | null} personal the personal model, once there is one
 * @property {Expectation | null} expectation what one gave others with no more clips; none until the room is known
 * @property {boolean} try_mine whether the personal model is tried rather than the shared one
 * @property {boolean} taking_part
 * @property {number | null} group the one of the room's that the person said to be in
 * @property {{choice: 'auto' | 'webgpu' | 'cpu', kind: 'cpu' | 'webgpu' | null, name: string | null, threads: number | null, reasons: BackendReason[], processor_ms: number | null, graphics_ms: number | null, slow: Slow | null}} backend threads: cores of the processor that train, where they are several; processor_ms, graphics_ms: how long a step takes, once measured
 * @property {'absent' | 'loading' | 'ready' | 'failed'} trainer
 * @property {Work | null} work
 * @property {{sent: number, received: number}} bytes
 * @property {RoundResult[]} history
 * @property {boolean} has_model whether there is a shared model to try
 * @property {boolean} finished
 */

/** @typedef {'no_gpu' | 'no_gpu_program' | 'gpu_failed' | 'gpu_no_text' | 'no_shared_memory' | 'no_threads' | 'no_threads_program' | 'threads_failed'} BackendReason why it is not what one might expect */

/** @typedef {{whole_ms: number, deadline_ms: number, whole: number, fits: number, fewer: boolean}} Slow its steps do not fit into the room's longest wait; fewer: slow laptops do fewer steps there */

/** @typedef {NonNullable<State['room']>} Room */

/** @typedef {State & {room: Room}} RoomState the view of an opened room, which is all that the panels get */

/** @typedef {{accuracy: string, loss: string, confusion: string | null, recall: string | null}} Charts SVG text */

/** @typedef {{clip: number, label: number, mine: number, ours: number}} Compared a clip that was kept for the test: what it is, and what each model hears */

/** @typedef {'none' | 'few' | 'same' | 'undecided' | 'mine' | 'ours'} Verdict which of two models is better, if anything can be said */

/** @typedef {{all: number, mine: number, ours: number, verdict: Verdict}} Score on how many clips each model was right */

/**
 * @typedef {object} Personal
 * @property {number} version the shared version that it came from
 * @property {number} epochs that it went on for
 * @property {number} clips that it was trained on
 * @property {number | null} shared_version beside which it is put; none until the shared model is here
 * @property {Compared[] | null} compared none until both models have heard them
 * @property {Score | null} score none until then
 */

/** @typedef {{says: 'missing' | 'unmeasured' | 'helped_once' | 'helped', clips: number, gained: [number, number]}} Expectation clips: of each label; gained: how many more of 100 clips were right than with the shared model, on the corpus that gained less and on the other */

/**
 * @typedef {object} Live
 * @property {number[] | null} probabilities none where nothing is heard
 * @property {Branches | null} branches
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

/** @typedef {{picture: UpdatePicture, wav: Uint8Array<ArrayBuffer>}} Heard features of a clip as a picture, a feature a row, and as a sound */

/**
 * @typedef {object} ExposedWay what an attacker has found in an update, as it is seen in one way
 * @property {UpdatePicture} picture of the update
 * @property {number[]} counts clips of each label, as the attacker thinks at its first try
 * @property {number} tries how many there were, each with other masks or noise; one of the plain update
 * @property {number} labels_right tries that found the labels
 * @property {number | null} voice_right tries in which one's own voice came first
 * @property {Heard | null} heard what the attacker takes the clip for, where there is one alone
 * @property {number | null} alike how far that is like the clip, −1 to 1, both from quiet to loud
 */

/** @typedef {{counts: number[], voices: number, truth: Heard | null, ways: [ExposedWay, ExposedWay, ExposedWay]}} Exposed plain, masked, and with noise; what there is to find; voices: those that were compared */

/** @typedef {{clips: number, sound_bytes: number, feature_bytes: number, searched_bytes: number, proved: boolean, found: [number, number][], texts: number, short_texts: number, text_proved: boolean, found_text: [number, number][]}} Searched short_texts: those too short to be looked for */

/**
 * @template {object} Fields
 * @template {object} Answer
 * @typedef {{fields: Fields, answer: Answer}} Command
 */

/** @typedef {{}} Nothing */

/**
 * What the page may ask of its worker: for each command its fields and the answer. The other end is `Command` in
 * wasm-client/src/commands.rs; `cargo xtask lint` holds names and types of the fields to it.
 *
 * @typedef {object} Commands
 * @property {Command<{code: string, name: string | null, seat: string | null, words: ChartWords}, {seat: string, name: string | null}>} open
 * @property {Command<{name: string}, Nothing>} name
 * @property {Command<{paths: string[]}, {labels: (number | null)[]}>} labels_of
 * @property {Command<{name: string, bytes: ArrayBuffer, label: number | null, made_up: boolean, text: string | null}, Added>} add_file
 * @property {Command<{name: string, samples: Float32Array, channels: number, rate: number, label: number | null, text: string | null}, Added>} add_pcm
 * @property {Command<Nothing, {clips: number[]}>} add_made_up
 * @property {Command<Nothing, {seats: SeatElsewhere[]}>} elsewhere
 * @property {Command<{seat: string}, {brought: number, left: number}>} bring
 * @property {Command<Nothing, {seats: KeptSeat[]}>} kept
 * @property {Command<{seat: string}, {clips: KeptClip[]}>} kept_clips
 * @property {Command<{seat: string, clip: number}, {wav: ArrayBuffer}>} kept_sound
 * @property {Command<{seat: string}, {zip: Uint8Array<ArrayBuffer>}>} pack_kept
 * @property {Command<{seat: string}, {forgotten: boolean}>} forget_kept not where another tab is in its room with it
 * @property {Command<{clip: number, label: number}, Nothing>} relabel
 * @property {Command<{clip: number, text: string}, Nothing>} transcribe
 * @property {Command<{clips: number[]}, Nothing>} remove
 * @property {Command<Nothing, Nothing>} undo
 * @property {Command<{samples: Float32Array, channels: number, rate: number}, {complaints: string[]}>} quality
 * @property {Command<{on: boolean}, Nothing>} recording
 * @property {Command<Nothing, Nothing>} forget
 * @property {Command<{clip: number}, {wav: ArrayBuffer}>} sound
 * @property {Command<{on: boolean}, Nothing>} take_part
 * @property {Command<{group: number | null}, Nothing>} group
 * @property {Command<{choice: State['backend']['choice']}, Nothing>} backend
 * @property {Command<{name: string, bytes: ArrayBuffer}, Predicted>} predict_file
 * @property {Command<{samples: Float32Array, channels: number, rate: number}, Predicted>} predict_pcm
 * @property {Command<{text: string}, Nothing>} try_text
 * @property {Command<Nothing, Predicted>} predict_text
 * @property {Command<{rate: number}, Nothing>} live_start
 * @property {Command<{samples: Float32Array, at: number}, Nothing>} live_push
 * @property {Command<Nothing, Nothing>} live_stop
 * @property {Command<{history: {version: number, loss: number, accuracy: number}[], confusion: number[][] | null, labels: string[], words: ChartWords}, Charts>} charts
 * @property {Command<{name: string, label: number}, {clip: number}>} correct
 * @property {Command<Nothing, Nothing>} tune
 * @property {Command<Nothing, Nothing>} stop_tuning
 * @property {Command<{mine: boolean}, Nothing>} try_with
 * @property {Command<{format: 'safetensors' | 'onnx' | 'json'}, {file: Uint8Array<ArrayBuffer>}>} personal_file
 * @property {Command<Nothing, {architecture: string, version: string, hears: boolean, reads: boolean, speeds: boolean, parameters: Uint8Array<ArrayBuffer>, mean: Uint8Array<ArrayBuffer>, deviation: Uint8Array<ArrayBuffer>}>} offline_model
 * @property {Command<Nothing, {zip: Uint8Array<ArrayBuffer>}>} pack_clips
 * @property {Command<{bytes: ArrayBuffer}, {clips: PackedClip[]}>} unpack
 * @property {Command<{samples: Float32Array, channels: number, rate: number}, {wav: Uint8Array<ArrayBuffer>}>} to_wav
 * @property {Command<Nothing, {receipts: Receipt[], forgotten: number, sent_bytes: number}>} receipts
 * @property {Command<{number: number}, UpdatePicture | {pixels?: undefined}>} receipt_picture nothing where the bytes are not kept any more
 * @property {Command<Nothing, Searched>} search_voice
 * @property {Command<{clip: number | null}, Exposed>} expose of one clip, or of all that are trained on
 */

/** @typedef {{clip: number, notices: {kind: 'missing' | 'one_sided' | 'inverted', seconds?: number | null}[]}} Added notices: what to know of how it was read */
/** @typedef {{seat: string, room: string, name: string | null, clips: number}} SeatElsewhere a seat of another room in this browser that has clips */
/** @typedef {SeatElsewhere & {opened_at: number, open: boolean}} KeptSeat opened_at in milliseconds since 1970; open: a tab is in its room with it just now */
/** @typedef {{clip: number, label: string, seconds: number, made_up: boolean, transcript: string | null}} KeptClip */
/** @typedef {import('../common/branches.js').Branches} Branches */
/** @typedef {{probabilities: Float32Array, branches: Branches | null}} Predicted of each label, 0 to 1; branches where the network reads as well as hears */

/** @typedef {{path: string, name: string, label: number | null, made_up: boolean, transcript: string | null, long_text: boolean, bytes: Uint8Array<ArrayBuffer>}} PackedClip of a zip file; long_text: its text was too long, and left out */

/**
 * @typedef {object} ChartWords what to write on charts, in the page's language
 * @property {string} shared the curve over everyone's held-back clips
 * @property {string} [own] the curve over one's own
 * @property {string} rounds
 * @property {string} accuracy
 * @property {string} loss
 * @property {string} confusion
 * @property {string} predicted
 * @property {string} actual
 * @property {string} none what stands in a chart that has nothing to show yet
 * @property {string} [decimal] what stands before the decimals of a number
 * @property {Record<string, string>} [labels] names of labels, where they have others than the room gives them
 * @property {string} [recall] the title of the bars of each label's recall, which are drawn where it is there
 */

/**
 * What the worker tells without being asked, by `type`.
 *
 * @typedef {object} Events
 * @property {State} state
 * @property {Charts} charts
 * @property {Live} live
 * @property {{fraction: number}} searching how far the search for one's voice is, 0 to 1
 * @property {{fraction: number}} exposing how far the attack on an update of one's own is, 0 to 1
 * @property {import('../common/notice-panel.js').Notice} notice
 * @property {{message: string}} crashed the program has stopped for good
 */

/** @typedef {{id: number, ok: true} | {id: number, ok: false, error: {code: string, message: string}}} Reply what the worker posts to answer the command with this id, with the answer's own fields */

export {};
