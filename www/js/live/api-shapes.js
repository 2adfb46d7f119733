// The shapes of what the server's HTTP interface answers (docs/protocol.md). Types only: nothing here runs.

/**
 * @typedef {object} ClientSummary
 * @property {number} client
 * @property {string} name
 * @property {import('../worker/messages.js').ClientState} state
 * @property {boolean} [passed_over] the open round does without it
 * @property {number} [fraction] 0 to 1
 * @property {number} examples
 * @property {number[]} labels
 * @property {number} [behind] in a room of edges, laptops that take part there
 * @property {number} [agreement] cosine of its last update with the mean of the others', -1 to 1
 * @property {number} [update_norm]
 * @property {number} [waited_ms] its connection is lost, and the room waits for it so long
 * @property {boolean} [diverged] it stopped because its training diverged
 */

/** @typedef {{examples: number, loss: number, accuracy: number, confusion: number[][]}} Evaluation */

/** @typedef {{clients: number, examples: number, confusion: number[][]}} GroupResult */

/**
 * @typedef {object} Status
 * @property {'lobby' | 'normalising' | 'collecting' | 'finished'} phase
 * @property {number} round
 * @property {number} rounds
 * @property {number} model_version
 * @property {number} connected
 * @property {number} ready
 * @property {number} goal
 * @property {number} least
 * @property {number} received
 * @property {number} [deadline_ms] left when it was sent
 * @property {boolean} [paused]
 * @property {boolean} [locked]
 * @property {boolean} [held] the server cannot store the room, which waits until it can
 * @property {boolean} [singles_out] no round begins, for the sum of those who are here would show what few of them gave
 * @property {number} [bytes_up]
 * @property {number} [bytes_down]
 * @property {ClientSummary[]} clients
 * @property {Evaluation} [final_evaluation]
 * @property {(GroupResult | null)[]} [final_groups] in a room with groups, once they are counted; null: of too few to show
 * @property {import('../worker/messages.js').Budget} [budget] in a room with noise
 */

/** @typedef {{round: number, model_version: number, clients: number, examples: number, evaluation?: Evaluation}} RoundRecord */

/** @typedef {{code: string, name: string, labels: string[], signs?: string[], prompts?: string[][], groups?: string[], final_model?: 'last' | 'mean', architecture: string, rounds: number, least: number, max_clients: number, normalisation?: 'group' | 'own', modalities?: 'voice' | 'text' | 'both', noise?: object, strategy: {name: string}, stragglers?: 'whole' | 'fewer_steps', masking?: {server: 'active' | 'curious', encoding: string, clip: number}, edges?: {clients: number}}} RoomConfig */

/** @typedef {{room: RoomConfig, status: Status, history: RoundRecord[], links: string[], masked_together?: import('./masked-words.js').MaskedTogether}} PublicRoom what everyone may see; the best link for other laptops comes first */

/** @typedef {{version: number, created_at: number, accuracy: number | null, best: boolean}} Version */

/**
 * @typedef {object} Contribution a client's part in a round that is over
 * @property {number} client
 * @property {string} name as it was then
 * @property {number} examples
 * @property {number} norm of its update
 * @property {number} [clipped] what it was scaled down to
 * @property {number} [agreement] cosine with the mean of the others', -1 to 1
 * @property {Evaluation} [evaluation] of the version that the round began with, as the client says
 */

/**
 * @typedef {object} Insight what the host alone is told of a client
 * @property {number} client
 * @property {number} [statistics_distance] how far its features' statistics lie from the middle of all clients', in deviations
 * @property {import('./too-slow.js').TooSlow} [too_slow] where its steps do not fit into the longest wait, as it says
 * @property {Evaluation} [evaluation] of the finished model, as the client says
 * @property {boolean} left_out whether its evaluations are left out
 */

/**
 * @typedef {object} Holding something that the server holds
 * @property {string} what
 * @property {number} bytes as it is held; 0 of what is gone into a sum
 * @property {number} [of] laptops in a sum, or rounds
 * @property {{hex: string, numbers: number[], spread: number[], range: number}} [begins] how a vector begins, where everyone may see that
 */

/** @typedef {{round: number, together: Holding[], clients: {client: number, name: string, holds: Holding[]}[]}} Held what the server holds of everyone */

/** @typedef {PublicRoom & {created_at: number, versions: Version[], clients: Insight[], contributions: Contribution[][]}} HostRoom what the host sees */

/** @typedef {{version: string, secure: boolean, origins: string[], kept: boolean, state: string | null, watch: string, rooms: HostRoom[]}} Host */

export {};
