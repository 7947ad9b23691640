//! One invitation that was made: its message, its code, and when and through what it can be used.
import { text } from "../text";
import { useQuery } from "./engine";
import { LinkCard } from "./LinkCard";
import { reachOf } from "./reach";

export function MadeInvite({ name, link, message }: { name: string; link: string; message: string }) {
  const network = useQuery("network.status", {}, ["sync_state"]);
  const t = text.share;
  return <LinkCard testId="invite" label={t.link} link={link} message={message} rows={7} hint={reachOf(network.data)} fileName={t.fileName(name)} fileSaved={t.fileSaved} copyLabel={t.copy} />;
}
