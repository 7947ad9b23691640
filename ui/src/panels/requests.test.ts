//! Only members who are viewers by the log can ask for more.
import { expect, test } from "vitest";
import type { Presence } from "../graph/model/PresenceStore";
import type { Member } from "./engine";
import { requestsOf } from "./requests";

const person = (device: string, asks: Presence["asks"]): Presence => ({ key: device, device, atWindow: true, name: device, color: "#000000", status: "online", asks, pointer: null, selection: [], editing: null, viewport: null });
const member = (device: string, role: Member["role"], you = false): Member => ({ device, name: device, color: "#000000", role, you, joined: "", last_seen: null, status: "online", devices: [device], recovery: false });

test("a viewer who asks is listed; a stranger, an editor and one who does not ask are not", () => {
  const people = [person("viewer", "editor"), person("stranger", "editor"), person("editor", "editor"), person("quiet", null), person("me", "editor")];
  const members = [member("viewer", "viewer"), member("editor", "editor"), member("quiet", "viewer"), member("me", "viewer", true)];
  expect(requestsOf(people, members).map((one) => one.device)).toEqual(["viewer"]);
});
