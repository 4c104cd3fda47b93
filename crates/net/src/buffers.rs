//! Buffers that are empty again, for whoever reads or writes much next.
//!
//! A connection that waits for its peer holds none. One that is busy fills one at every turn, and to ask the allocator for
//! these each time costs as much as to decode what is in them.

use std::cell::RefCell;

use bytes::BytesMut;

/// Smaller ones are not worth it, in bytes.
const LEAST: usize = 16 * 1024;
/// Larger ones are given back to the system.
const MOST: usize = 256 * 1024;
/// How many a thread keeps.
const COUNT: usize = 16;

thread_local! {
    static SPARE: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer, with room if there is one to spare.
pub fn take() -> BytesMut {
    SPARE.with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// Gives a buffer away. It is of use to others unless somebody holds most of what was in it.
pub fn give(mut buffer: BytesMut) {
    buffer.clear();
    if buffer.try_reclaim(LEAST) && buffer.capacity() <= MOST {
        SPARE.with_borrow_mut(|spare| {
            if spare.len() < COUNT {
                spare.push(buffer);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_unless_somebody_holds_most_of_it() {
        let mut buffer = take();
        assert_eq!(buffer.capacity(), 0);
        buffer.resize(2 * LEAST, 7);
        let part = buffer.split_to(LEAST + 1).freeze();
        give(buffer);
        assert_eq!(take().capacity(), 0);
        let Ok(whole) = part.try_into_mut() else { panic!("nobody else holds it") };
        give(whole);
        let again = take();
        assert!(again.is_empty() && again.capacity() >= LEAST);
        give(BytesMut::with_capacity(2 * MOST));
        give(BytesMut::with_capacity(LEAST / 2));
        assert_eq!(take().capacity(), 0);
    }
}
