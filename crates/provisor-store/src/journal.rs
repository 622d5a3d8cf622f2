//! Folding a write-ahead file in to its end, so that nothing erased is left in it.

use std::time::Duration;

use rusqlite::Connection;

/// How long one try may keep writers waiting for readers.
const TRY: Duration = Duration::from_millis(20);
/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(100);
/// Tries before it is left to whoever checkpoints next.
const TRIES: u32 = 50;

/// Copies the whole write-ahead file into the database and empties it; false if somebody was
/// reading all the time. Leaves the connection with another way of waiting than it had.
pub(crate) fn empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.busy_timeout(TRY)?;
    for number in 0..TRIES {
        if number > 0 {
            #[expect(
                clippy::disallowed_methods,
                reason = "a lock of another process is nothing one could wait on"
            )]
            std::thread::sleep(PAUSE);
        }
        let busy: bool =
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if !busy {
            return Ok(true);
        }
    }
    Ok(false)
}
