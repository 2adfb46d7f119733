// Finds out what this browser can do for Chorus, without asking the person for anything: whatever can be tried without them is
// tried, as browsers say that they have what then fails. It knows no words and draws nothing: capability-list.js does.

/**
 * @typedef {object} Finding
 * @property {'program' | 'processor' | 'microphone' | 'memory' | 'storage'} what
 * @property {'good' | 'fair' | 'missing'} verdict
 * @property {string} reason the name of the sentence in words.capabilities
 * @property {string | number} [detail] what that sentence is about
 */

/**
 * WebGPU as far as it is asked for here; TypeScript does not know it yet.
 * @typedef {object} Adapter
 * @property {{description?: string, vendor?: string, architecture?: string, isFallbackAdapter?: boolean}} [info]
 * @property {boolean} [isFallbackAdapter]
 * @property {() => Promise<{destroy: () => void}>} requestDevice
 */

/** @returns {Promise<Finding>[]} each as soon as it is known */
export function checkCapabilities() {
  return [checkProgram(), checkProcessor(), checkMicrophone(), checkMemory(), checkStorage()];
}

// A function that makes a vector of sixteen bytes and nothing else: valid only where WebAssembly has SIMD.
const SIMD_MODULE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

/** @returns {Promise<Finding>} */
async function checkProgram() {
  const able = typeof Worker === 'function' && typeof WebSocket === 'function' && await runsVectors();
  return { what: 'program', verdict: able ? 'good' : 'missing', reason: able ? 'programGood' : 'programMissing' };
}

/** @returns {Promise<boolean>} */
async function runsVectors() {
  try {
    await WebAssembly.instantiate(SIMD_MODULE);
    return true;
  } catch {
    return false;
  }
}

/** @returns {Promise<Finding>} */
async function checkProcessor() {
  const what = 'processor';
  const { gpu } = /** @type {{gpu?: {requestAdapter: () => Promise<Adapter | null>}}} */ (navigator);
  if (!gpu) return { what, verdict: 'fair', reason: isSecureContext ? 'gpuNone' : 'gpuInsecure' };
  try {
    const adapter = await gpu.requestAdapter();
    if (!adapter) return { what, verdict: 'fair', reason: 'gpuNoAdapter' };
    (await adapter.requestDevice()).destroy();
    const info = adapter.info ?? {};
    const name = info.description || [info.vendor, info.architecture].filter(Boolean).join(' ');
    const imitated = adapter.isFallbackAdapter || info.isFallbackAdapter || /swiftshader|llvmpipe/i.test(`${name} ${info.architecture}`);
    if (imitated) return { what, verdict: 'fair', reason: 'gpuSoftware', detail: name };
    return name ? { what, verdict: 'good', reason: 'gpu', detail: name } : { what, verdict: 'good', reason: 'gpuUnnamed' };
  } catch {
    return { what, verdict: 'fair', reason: 'gpuNoAdapter' };
  }
}

/** @returns {Promise<Finding>} */
async function checkMicrophone() {
  const what = 'microphone';
  if (!isSecureContext) return { what, verdict: 'missing', reason: 'microphoneInsecure' };
  const media = navigator.mediaDevices;
  if (!media?.getUserMedia || typeof AudioWorkletNode !== 'function') return { what, verdict: 'missing', reason: 'microphoneNone' };
  let permission = 'unknown';
  try {
    permission = (await navigator.permissions.query({ name: 'microphone' })).state;
  } catch {
    // Some browsers do not answer for the microphone before it was asked for; recording will tell.
  }
  if (permission === 'denied') return { what, verdict: 'missing', reason: 'microphoneDenied' };
  try {
    const devices = await media.enumerateDevices();
    if (!devices.some(({ kind }) => kind === 'audioinput')) return { what, verdict: 'missing', reason: 'microphoneNone' };
  } catch {
    return { what, verdict: 'good', reason: 'microphoneUnknown' };
  }
  return { what, verdict: 'good', reason: permission === 'granted' ? 'microphoneReady' : 'microphoneAsk' };
}

/** @returns {Promise<Finding>} */
async function checkMemory() {
  const what = 'memory';
  const { deviceMemory: gib } = /** @type {{deviceMemory?: number}} */ (navigator);
  if (typeof gib !== 'number') return { what, verdict: 'good', reason: 'memoryUnknown' };
  return gib < 4
    ? { what, verdict: 'fair', reason: 'memorySmall', detail: gib }
    : { what, verdict: 'good', reason: 'memoryGood', detail: gib };
}

/** @returns {Promise<Finding>} */
async function checkStorage() {
  const what = 'storage';
  if (!await keeps()) return { what, verdict: 'missing', reason: 'storageNone' };
  try {
    const { quota, usage } = await navigator.storage.estimate();
    if (typeof quota !== 'number') return { what, verdict: 'good', reason: 'storageUnknown' };
    const free = Math.max(0, quota - (usage ?? 0));
    return { what, verdict: free < 50e6 ? 'fair' : 'good', reason: free < 50e6 ? 'storageSmall' : 'storageGood', detail: free };
  } catch {
    return { what, verdict: 'good', reason: 'storageUnknown' };
  }
}

/**
 * Whether a database can be opened: browsers that are told to store nothing have one all the same.
 * @returns {Promise<boolean>}
 */
async function keeps() {
  const name = 'chorus-try';
  try {
    await new Promise((resolve, reject) => {
      const request = indexedDB.open(name);
      request.onerror = () => reject(request.error);
      request.onsuccess = () => resolve(request.result.close());
    });
    indexedDB.deleteDatabase(name);
    return true;
  } catch {
    return false;
  }
}
