//! Locks as text, for protocols that hand them out: which run of the hub it was, since its queues count anew in each, and
//! two numbers of the queue's own.

/// The token of a lock of this run.
pub fn write(run: u64, [one, other]: [u64; 2]) -> String {
    format!("{run:016x}-{one:x}-{other:x}")
}

/// The numbers of a token; `None` for what is none, and for tokens of earlier runs.
pub fn read(token: &str, run: u64) -> Option<[u64; 2]> {
    let mut parts = token.split('-').map(|part| u64::from_str_radix(part, 16).ok());
    let same = parts.next()?? == run;
    let numbers = [parts.next()??, parts.next()??];
    (same && parts.next().is_none()).then_some(numbers)
}
