// Notes what a page is given of the microphone, so that a test sees whether it was given back. It runs before the page's scripts.

const { mediaDevices } = navigator;
const ask = mediaDevices.getUserMedia.bind(mediaDevices);
window.tracks = [];
mediaDevices.getUserMedia = async (wanted) => {
  const stream = await ask(wanted);
  window.tracks.push(...stream.getTracks());
  return stream;
};

// Firefox keeps what a script dispatches on a track from those who listen to it, unless they say that they want it (the last
// argument, Firefox' own).
MediaStreamTrack.prototype.addEventListener = function (what, listener, options) {
  EventTarget.prototype.addEventListener.call(this, what, listener, options, true);
};
