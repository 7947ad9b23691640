//! The operator's commands, carried out by a running relay or, where none runs, on its folder.
//!
//! A running relay takes them, one line each, on a socket in its data folder that only its own user can open. The
//! answer is text, after `ok` or `error`. Deliberately absent: a way to do this over the network.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use omniscope_protocol::identity::{DeviceId, WorkspaceId, parse_hex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use crate::mailbox::{Action, Mailbox, token_hash};
use crate::server::Remote;
use crate::store::{Store, Write};

/// Name of the socket in the data folder.
pub const SOCKET_FILE: &str = "relay.sock";
/// Longest line of a command.
const MAX_LINE_BYTES: u64 = 8 * 1024;
/// How long an answer may take; dropping a large workspace takes its time.
const PATIENCE: Duration = Duration::from_secs(600);

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// Makes a token that registers so many workspaces; 0: without limit.
    Token(u32),
    /// Lets this device, or this workspace, be registered without a token.
    Allow([u8; 32]),
    /// Takes that back.
    Disallow([u8; 32]),
    /// Ends the service for a workspace and drops what is kept of it.
    Unregister(WorkspaceId),
    /// Lists the workspaces.
    Workspaces,
    /// Shuts a device out.
    Block(DeviceId),
    /// Lets it in again.
    Unblock(DeviceId),
}

impl Control {
    /// The command as one line.
    pub fn to_line(&self) -> String {
        let hex = omniscope_protocol::identity::hex;
        match self {
            Self::Token(uses) => format!("token {uses}"),
            Self::Allow(id) => format!("allow {}", hex(id)),
            Self::Disallow(id) => format!("disallow {}", hex(id)),
            Self::Unregister(id) => format!("unregister {id}"),
            Self::Workspaces => "workspaces".to_owned(),
            Self::Block(id) => format!("block {id}"),
            Self::Unblock(id) => format!("unblock {id}"),
        }
    }

    /// Reads such a line.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(line: &str) -> Result<Self, String> {
        let (verb, rest) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
        let id = || parse_hex(rest).ok_or_else(|| format!("expected an id of 64 hex digits after {verb}"));
        Ok(match verb {
            "token" => Self::Token(rest.parse().map_err(|_| "expected a number of uses".to_owned())?),
            "allow" => Self::Allow(id()?),
            "disallow" => Self::Disallow(id()?),
            "unregister" => Self::Unregister(WorkspaceId(id()?)),
            "workspaces" => Self::Workspaces,
            "block" => Self::Block(DeviceId(id()?)),
            "unblock" => Self::Unblock(DeviceId(id()?)),
            other => return Err(format!("there is no command {other:?}")),
        })
    }
}

/// Carries out a command on the mailboxes; what is to be written is committed before the answer.
pub(crate) fn execute(
    command: &Control,
    mailbox: &mut Mailbox,
    store: &Store,
    now_ms: u64,
    out: &mut Vec<Action>,
) -> Result<String, String> {
    let text = |error: crate::store::StoreError| error.to_string();
    match command {
        Control::Token(uses) => {
            let token = crate::server::new_token().map_err(text)?;
            let uses = (*uses > 0).then_some(*uses);
            let write = Write::Token { hash: token_hash(token.as_bytes()), uses, now_ms: now_ms as i64 };
            store.commit_wait(vec![write]).map_err(text)?;
            Ok(token)
        }
        Control::Allow(subject) => {
            store.commit_wait(vec![Write::Allow { subject: *subject }]).map_err(text)?;
            Ok("may be registered without a token".to_owned())
        }
        Control::Disallow(subject) => {
            store.commit_wait(vec![Write::Disallow { subject: *subject }]).map_err(text)?;
            Ok("needs a token from now on; what is registered stays".to_owned())
        }
        Control::Unregister(id) => {
            if mailbox.unregister(id, out) {
                Ok("unregistered; what was kept of it is dropped".to_owned())
            } else {
                Err("this workspace is not registered here".to_owned())
            }
        }
        Control::Workspaces => Ok(mailbox.list().join("\n")),
        Control::Block(device) => {
            mailbox.block(*device, true, out);
            Ok("shut out".to_owned())
        }
        Control::Unblock(device) => {
            mailbox.block(*device, false, out);
            Ok("let in again".to_owned())
        }
    }
}

/// Makes the socket of a relay that has just started. From here on commands reach it.
///
/// # Errors
/// When the socket cannot be made.
pub fn bind(data_dir: &Path) -> std::io::Result<UnixListener> {
    let path = data_dir.join(SOCKET_FILE);
    // One that is left over belongs to nobody: the folder's lock is ours.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves the socket until the task is dropped.
///
/// # Errors
/// When it takes no connections any more.
pub async fn serve(listener: UnixListener, remote: Remote) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let remote = remote.clone();
        tokio::spawn(async move {
            if let Err(error) = answer(stream, &remote).await {
                tracing::debug!(%error, "a command was not answered");
            }
        });
    }
}

async fn answer(stream: UnixStream, remote: &Remote) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(MAX_LINE_BYTES)).read_line(&mut line).await?;
    let said = match Control::parse(&line) {
        Ok(command) => remote.control(command).await,
        Err(error) => Err(error),
    };
    let text = match said {
        Ok(text) => format!("ok\n{text}\n"),
        Err(text) => format!("error\n{text}\n"),
    };
    write.write_all(text.as_bytes()).await?;
    write.shutdown().await
}

/// Asks the relay that runs on a folder; `None` when none does.
///
/// # Errors
/// The relay's refusal, or that it did not answer.
pub async fn ask(data_dir: &Path, command: &Control) -> Result<Option<String>, String> {
    let mut stream = match UnixStream::connect(data_dir.join(SOCKET_FILE)).await {
        Ok(stream) => stream,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            return Err(format!(
                "{} belongs to another user; give the command as that one, or as root",
                data_dir.display()
            ));
        }
        Err(_) => return Ok(None),
    };
    let exchange = async {
        stream.write_all(format!("{}\n", command.to_line()).as_bytes()).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok::<_, std::io::Error>(text)
    };
    let text = tokio::time::timeout(PATIENCE, exchange).await.map_err(|_| "the relay does not answer".to_owned())?;
    let text = text.map_err(|error| format!("the relay does not answer: {error}"))?;
    match text.split_once('\n') {
        Some(("ok", said)) => Ok(Some(said.trim_end().to_owned())),
        Some(("error", said)) => Err(said.trim_end().to_owned()),
        _ => Err("the relay ended before it answered".to_owned()),
    }
}

/// Carries out a command on a folder on which no relay runs.
///
/// # Errors
/// When the folder is in use or not in order, or the command is refused.
pub fn offline(config: &crate::Config, command: &Control) -> Result<String, String> {
    if !crate::identity::exists(&config.data_dir) {
        let folder = config.data_dir.display();
        return Err(format!("{folder} holds no relay: name its folder by --data-dir, or start it there first"));
    }
    let store = Store::open(&config.data_dir).map_err(|e| e.to_string())?;
    let key = crate::identity::load_or_create(&config.data_dir).map_err(|e| e.to_string())?;
    let loaded = Mailbox::load(&store, key.device, config.policy, config.mailbox);
    let mut mailbox = loaded.map_err(|e| e.to_string())?;
    let mut out = Vec::new();
    let said = execute(command, &mut mailbox, &store, crate::server::now_ms(), &mut out)?;
    let writes = out.into_iter().filter_map(|action| match action {
        Action::Write(write) => Some(write),
        _ => None,
    });
    store.commit_wait(writes.collect()).map_err(|e| e.to_string())?;
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_one_line_that_reads_back() {
        let all = [
            Control::Token(3),
            Control::Allow([1; 32]),
            Control::Disallow([2; 32]),
            Control::Unregister(WorkspaceId([3; 32])),
            Control::Workspaces,
            Control::Block(DeviceId([4; 32])),
            Control::Unblock(DeviceId([5; 32])),
        ];
        for command in all {
            assert_eq!(Control::parse(&command.to_line()), Ok(command));
        }
        for bad in ["", "token", "block 12", "sing"] {
            assert!(Control::parse(bad).is_err(), "{bad}");
        }
    }
}
