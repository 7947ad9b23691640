//! Work that waits for the next picture: however often something changes, it is drawn once. A window that nobody sees draws none.

/** Where there are no pictures, as in tests without a page, they are taken to come this often. */
const FRAME_MS = 16;

/** Runs `work` before the next picture is drawn; the returned function calls it off. */
export function nextFrame(work: () => void): () => void {
  if (typeof requestAnimationFrame === "undefined") {
    const timer = setTimeout(work, FRAME_MS);
    return () => clearTimeout(timer);
  }
  const frame = requestAnimationFrame(work);
  return () => cancelAnimationFrame(frame);
}
