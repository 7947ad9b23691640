//! How many connections the system lets this process have.
//!
//! Deliberately absent: raising the limit, which takes a system call that this crate has no safe way to; the systemd unit
//! sets it, and so does `ulimit -n`.

/// What is not for connections: the database, sockets that listen, pipes, the admin page.
const OTHERS: u32 = 64;

/// Connections that fit into the soft limit of open files; none where the system does not say.
pub(crate) fn room_for_connections() -> Option<u32> {
    soft_limit(&std::fs::read_to_string("/proc/self/limits").ok()?).map(|limit| limit.saturating_sub(OTHERS).max(1))
}

fn soft_limit(limits: &str) -> Option<u32> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => None,
        number => Some(number.parse().unwrap_or(u32::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_read_where_there_is_one() {
        let limits =
            |files: &str| format!("Limit   Soft  Hard  Units\nMax open files            {files}  4096  files \n");
        assert_eq!(soft_limit(&limits("1024")), Some(1024));
        assert_eq!(soft_limit(&limits("unlimited")), None);
        assert_eq!(soft_limit("nothing of the kind"), None);
        assert!(room_for_connections().is_none_or(|room| room > 0));
    }
}
