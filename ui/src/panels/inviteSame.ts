//! Invitations for the people of another workspace: one a device, good for that device only.
import { type Engine, type Member, messageOf, type Role } from "./engine";

export interface Invited { device: string; name: string; color: string; role: Role; link: string; expires: string; problem: string | null }

const EXPIRES = "30d";

/** Owners of the other workspace are invited as editors: ownership is given by hand. One that fails does not keep the others from theirs. */
export async function inviteSame(engine: Pick<Engine, "call">, workspace: string, members: readonly Member[]): Promise<Invited[]> {
  const invited: Invited[] = [];
  for (const { device, name, color, role: had, you, recovery } of members) {
    if (you || recovery) continue;
    const role: Role = had === "viewer" ? "viewer" : "editor";
    const one = { device, name, color, role, link: "", expires: "", problem: null };
    try {
      const { link, expires } = await engine.call("invite.create", { workspace, role, expires: EXPIRES, for: device });
      invited.push({ ...one, link, expires });
    } catch (error) {
      invited.push({ ...one, problem: messageOf(error) });
    }
  }
  return invited;
}
