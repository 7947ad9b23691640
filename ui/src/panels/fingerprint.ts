//! A device's id as people compare it aloud: eight groups of four hex digits of its hash, as the engine says it. Pure.
import { blake3 } from "@noble/hashes/blake3.js";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";

const ID = /^[0-9a-f]{64}$/;

/** Of what is no device id the beginning stays as it is. */
export function fingerprint(device: string): string {
  if (!ID.test(device)) return device.slice(0, 40);
  const digits = bytesToHex(blake3(hexToBytes(device)).subarray(0, 16));
  return digits.match(/.{4}/g)?.join(" ") ?? digits;
}

/** The first two groups: enough to tell one's own devices apart. */
export const shortFingerprint = (device: string): string => fingerprint(device).split(" ").slice(0, 2).join(" ");
