//! Everybody but oneself gets a link bound to their device; one failure stays one failure.
import { expect, test } from "vitest";
import type { Engine, Member } from "./engine";
import { inviteSame } from "./inviteSame";

const member = (device: string, role: Member["role"], you = false): Member => ({ device, name: device.toUpperCase(), color: "#000000", role, you, joined: "", last_seen: null, status: "online", devices: [device], recovery: false });

test("each gets a link for their own device, and no more rights than editing", async () => {
  const asked: unknown[] = [];
  const call = (async (_: string, params: Record<string, unknown>) => {
    asked.push(params);
    if (params.for === "cy") throw new Error("no");
    return { link: `link-${String(params.for)}`, expires: "2030-01-01T00:00:00Z" };
  }) as Engine["call"];
  const invited = await inviteSame({ call }, "new", [member("me", "owner", true), member("ben", "owner"), member("cy", "editor"), member("di", "viewer")]);
  expect(asked).toEqual(["ben", "cy", "di"].map((device) => ({ workspace: "new", role: device === "di" ? "viewer" : "editor", expires: "30d", for: device })));
  expect(invited.map((one) => [one.name, one.link, one.problem])).toEqual([["BEN", "link-ben", null], ["CY", "", "no"], ["DI", "link-di", null]]);
});
