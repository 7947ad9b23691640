//! A workspace is handed over only where it would be left without an owner who can act.
import { expect, test } from "vitest";
import type { Member } from "./engine";
import { heirsOf } from "./heirs";

const member = (device: string, role: Member["role"], you = false): Member => ({ device, name: device, color: "#000000", role, you, joined: "", last_seen: null, status: "online", devices: [device], recovery: false });

const key: Member = { ...member("key", "owner"), recovery: true };

test("the last owner has heirs, editors first; a recovery key is none and does not count as an owner", () => {
  const all = [member("me", "owner", true), member("vi", "viewer"), member("ed", "editor")];
  expect(heirsOf([...all, key])?.map((one) => one.device)).toEqual(["ed", "vi"]);
  expect(heirsOf([...all, member("an", "owner")])).toBeNull();
});

test("who is alone, or not the only owner, leaves without heirs", () => {
  expect(heirsOf([member("me", "owner", true)])).toBeNull();
  expect(heirsOf([member("me", "owner", true), key])).toBeNull();
  expect(heirsOf([member("me", "owner", true), member("an", "owner")])).toBeNull();
});
