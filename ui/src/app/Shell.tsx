//! The window at work: sidebar, top bar, canvas, inspector, status line, and the one open dialog.
import { Settings } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import { toast } from "sonner";
import { CollaborativeEditor } from "../collaboration/CollaborativeEditor";
import { Avatar } from "../components/Avatar";
import { Callout } from "../components/Callout";
import { IconButton } from "../components/IconButton";
import { PipelineCanvas } from "../graph/PipelineCanvas";
import { messageOf, type Profile, type Summary, useEngine, useQuery } from "../panels/engine";
import { Inspector } from "../panels/Inspector";
import { WorkspaceSelector } from "../panels/WorkspaceSelector";
import { text } from "../text";
import type { DialogName, DialogState, WorkspaceDialog } from "./dialogs";
import { Dialogs } from "./Dialogs";
import { AwayBanner } from "./AwayBanner";
import { CommandMenu } from "./CommandMenu";
import { NothingOpen } from "./NothingOpen";
import { OfferBanner } from "./OfferBanner";
import { Removed } from "./Removed";
import { StatusLine } from "./StatusLine";
import { TopBar } from "./TopBar";
import { useAsking } from "./useAsking";
import { useAway } from "./useAway";
import { useCommands, type WindowCommands } from "./useCommands";
import { useElsewhere } from "./useElsewhere";
import { useNotices } from "./useNotices";
import { useOpenWorkspace } from "./useOpenWorkspace";
import { useOffer } from "./useOffer";
import { useOwnPresence } from "./useOwnPresence";
import { useRequestNotices } from "./useRequestNotices";
import { useSync } from "./useSync";
import type { useTheme } from "./useTheme";
import { useValidation } from "./useValidation";
import { useWindowKeys } from "./useWindowKeys";
import { ViewerBanner } from "./ViewerBanner";
import { Waiting } from "./Waiting";

const NONE: Summary[] = [];

function Commands(props: WindowCommands) {
  return <CommandMenu commands={useCommands(props)} />;
}

type Theming = ReturnType<typeof useTheme>;
interface ShellProps { profile: Profile; onProfile: (profile: Profile) => void; theme: Theming["theme"]; choice: Theming["choice"]; setChoice: Theming["setChoice"] }

export function Shell({ profile, onProfile, theme, choice, setChoice }: ShellProps) {
  const engine = useEngine();
  const [dialog, setDialog] = useState<DialogState>(null);
  const [closed, setClosed] = useState({ sidebar: false, inspector: false });
  const [network, setNetwork] = useState(true);
  const list = useQuery("workspace.list", {}, ["workspaces_changed", "joined", "user_joined", "user_left"]);
  useElsewhere(list.reload);
  const { active, open, collaboration, problem } = useOpenWorkspace(list.data?.workspaces ?? null);
  const { session } = collaboration;
  const summary = list.data?.workspaces.find((one) => one.workspace === active) ?? null;
  // Colours are told apart among members, so one's own may be another here than the one that was wished for.
  const members = useQuery("workspace.members", session && active ? { workspace: active } : null, ["user_joined", "workspaces_changed"]);
  const color = (session && members.data?.members.find((one) => one.you)?.color) || profile.color;
  const sync = useSync(session ? active : null);
  const away = useAway(session ? active : null, profile.device);
  const close = useCallback(() => setDialog(null), []);
  const show = useCallback((name: DialogName) => setDialog({ name }), []);
  const showOf = useCallback((name: WorkspaceDialog, workspace: Summary) => setDialog({ name, workspace }), []);
  const offer = useOffer(active);
  const { asking, ask } = useAsking(session);
  useOwnPresence(session, profile);
  useRequestNotices(session, summary?.role === "owner", show);
  useNotices(active, open, dialog?.name === "join", show);
  useValidation(session);
  useEffect(() => {
    engine.call("network.status").then((status) => setNetwork(status.online), () => undefined);
    engine.call("window.link").then((link) => link && setDialog({ name: "join", link }), () => undefined);
    return engine.listen((event) => event.event === "deep_link" && setDialog({ name: "join", link: String(event.link) }));
  }, [engine]);

  const fail = (error: unknown) => toast.error(messageOf(error));
  const saveVersion = () => {
    if (!active || !session?.writable) return;
    const name = text.history.quick(new Date().toLocaleString("en", { dateStyle: "medium", timeStyle: "short", hour12: false }));
    engine.call("version.create", { workspace: active, name }).then(({ version }) => toast.success(text.toasts.versionSaved(name), { action: { label: text.history.nameIt, onClick: () => setDialog({ name: "name-version", version, called: name }) } }), fail);
  };
  const switchTheme = () => setChoice(theme === "dark" ? "light" : "dark");
  const switchNetwork = (online: boolean) => engine.call("network.set", { online }).then(() => setNetwork(online), fail);
  const openSample = async () => {
    try {
      const sample = await engine.call("window.sample");
      const { workspace } = await engine.call("workspace.create", { name: sample.name });
      await engine.call("pipeline.import", { workspace, content: sample.content });
      open(workspace);
    } catch (error) {
      fail(error);
    }
  };
  const rename = (name: string) => active && engine.call("workspace.rename", { workspace: active, name }).then(list.reload, fail);
  useWindowKeys({ saveVersion, shortcuts: () => show("shortcuts") });

  return (
    <div className="shell" data-open={session !== null} data-sidebar={closed.sidebar ? "closed" : "open"} data-inspector={closed.inspector || !session ? "closed" : "open"}>
      <nav className="sidebar" aria-label={text.workspaces.title}>
        <div className="sidebar__head"><h1 className="sidebar__brand">{text.app}</h1></div>
        <WorkspaceSelector workspaces={list.data?.workspaces ?? null} active={active} onOpen={open} onCreate={() => show("create")} onJoin={() => show("join")} onDialog={showOf} />
        <div className="sidebar__foot">
          <button type="button" className="me" data-testid="profile-open" onClick={() => show("settings")}><Avatar small name={profile.name} color={color} /><span className="truncate">{profile.name}</span></button>
          <IconButton label={text.top.settings} side="top" onClick={() => show("settings")}><Settings size={16} /></IconButton>
        </div>
      </nav>
      <CollaborativeEditor collaboration={collaboration}>
        {session ? (
          <>
            <TopBar summary={summary} sync={sync} theme={theme} network={network} onTheme={switchTheme} onNetwork={(online) => void switchNetwork(online)} onRename={(name) => void rename(name)} onDialog={show} onSaveVersion={saveVersion} onToggle={(side) => setClosed((old) => ({ ...old, [side]: !old[side] }))} />
            <main className="centre">
              {!session.writable && <ViewerBanner closed={summary?.status === "closed"} arriving={summary?.status === "arriving"} asking={asking} onAsk={ask} />}
              {offer.offered && summary?.role === "owner" && summary.status === "member" && <OfferBanner onRecovery={() => showOf("recovery", summary)} onOwner={() => show("share")} onDismiss={offer.dismiss} />}
              {!network && <div className="banner" role="status" data-testid="offline-banner">{text.offlineBanner}</div>}
              {away.away && <AwayBanner away={away.away} onDismiss={away.dismiss} onShow={() => {
                setDialog({ name: "versions", since: away.away?.since });
                away.dismiss();
              }} />}
              <div className="centre__canvas"><PipelineCanvas key={session.workspace} theme={theme} /></div>
            </main>
            <Inspector />
            <StatusLine sync={sync} network={network} alone={summary?.members === 1} />
            <Commands workspaces={list.data?.workspaces ?? NONE} onDialog={show} onSaveVersion={saveVersion} onTheme={switchTheme} onNetwork={() => void switchNetwork(!network)} onOpen={open} />
          </>
        ) : (
          <main className="centre" style={{ gridRow: "1 / span 2", gridColumn: "2 / span 2", justifyContent: "center" }}>
            {summary && (summary.waits || summary.status === "pending") ? <Waiting summary={summary} onGivenUp={() => open(null)} /> : summary?.status === "removed" ? <Removed workspace={summary.workspace} name={summary.name} /> : problem ? <div style={{ padding: 32 }}><Callout tone="danger" testId="open-problem">{problem}</Callout></div> : <NothingOpen opening={collaboration.status === "opening" || list.data === null} onCreate={() => show("create")} onJoin={() => show("join")} onSample={openSample} />}
          </main>
        )}
        <Dialogs state={dialog} open={session !== null} summary={summary} workspaces={list.data?.workspaces ?? NONE} writable={session?.writable ?? false} profile={profile} theme={choice} onTheme={setChoice} onProfile={onProfile} onOpen={open} onCreated={offer.offer} onRecovery={offer.dismiss} onWorkspaceDialog={showOf} onClose={close} />
      </CollaborativeEditor>
    </div>
  );
}
