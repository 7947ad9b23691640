import { describe, expect, it } from "vitest";
import { statusSentence } from "./statusSentence";

const now = Date.parse("2026-11-24T12:00:00Z");
const peer = (name: string, behind = 0) => ({ device: name, name, color: "#063ad7", path: "lan", behind, ahead: false, latency_ms: null, last_heard: "2026-11-24T11:59:59Z" });

describe("statusSentence", () => {
  it("says who has everything", () => {
    expect(statusSentence({ saved: true, unsent: 0, online: true, peers: [peer("Ben"), peer("Cy")] }, true, now)).toEqual({ tone: "ok", parts: ["Saved on this computer", "Ben and Cy have everything"] });
  });
  it("never calls unsent work done", () => {
    const status = statusSentence({ saved: true, unsent: 14, online: true, peers: [peer("Ben", 14)] }, true, now);
    expect(status.tone).toBe("warn");
    expect(status.parts).toEqual(["Saved on this computer", "14 changes not sent yet", "Ben is 14 changes behind"]);
  });
  it("says saving until it is saved", () => {
    expect(statusSentence({ saved: false, unsent: 0, online: true, peers: [] }, true, now).parts[0]).toBe("Saving…");
  });
  it("does not call work unsent that nobody waits for", () => {
    expect(statusSentence({ saved: true, unsent: 2, online: true, peers: [] }, true, now, true)).toEqual({ tone: "ok", parts: ["Saved on this computer", "nobody else is a member yet"] });
  });
  it("says offline when the network is off", () => {
    expect(statusSentence({ saved: true, unsent: 0, online: true, peers: [] }, false, now).parts).toEqual(["Saved on this computer", "Offline"]);
  });
});
