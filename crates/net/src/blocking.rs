//! Calls of the system that block, such as the look-up of a name, each on a thread of its own.
//!
//! Such a call cannot be taken back: a resolver that hangs keeps its thread for as long. With a pool of threads, enough
//! of them would make all others wait. Here equal calls are merged, who has no more time goes away, and a call that
//! hangs delays only those who ask for the same. So the number of threads is that of different calls under way, times a
//! few.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::sync::Mutex;
use tokio::sync::watch;

/// For how long others join a call. After that it may hang, where a new one would not: the network may be another.
const FRESH: Duration = Duration::from_secs(3);

/// Threads for one key: the calls that hang, and one more.
const MAX_THREADS: usize = 4;

/// A blocking function whose calls with equal arguments are merged.
pub(crate) struct Merged<K, V> {
    /// Of its threads.
    name: &'static str,
    work: Box<dyn Fn(&K) -> V + Send + Sync>,
    running: Mutex<HashMap<K, Running<V>>>,
}

/// The calls for one key.
struct Running<V> {
    /// Of all who wait: whichever call ends first answers them.
    answer: watch::Sender<Option<V>>,
    threads: usize,
    /// Up to when others join the newest.
    fresh_until: Instant,
}

impl<K, V> Merged<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Does nothing yet.
    pub(crate) fn new(name: &'static str, work: impl Fn(&K) -> V + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { name, work: Box::new(work), running: Mutex::default() })
    }

    /// Calls the function, or joins a call that is under way. Dropping the future leaves the call alone.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(crate) async fn call(self: &Arc<Self>, key: &K) -> io::Result<V> {
        let mut answer = self.ask(key)?;
        let answer = answer.wait_for(Option::is_some).await.ok().and_then(|answer| answer.clone());
        answer.ok_or_else(|| io::Error::other("the call ended without an answer"))
    }

    fn ask(self: &Arc<Self>, key: &K) -> io::Result<watch::Receiver<Option<V>>> {
        let mut running = self.running.lock();
        // Not before the lock is held: a call that ends meanwhile sets the time from which on nobody joins it.
        let now = Instant::now();
        let running = match running.entry(key.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                entry.insert(Running { answer: watch::Sender::new(None), threads: 0, fresh_until: now })
            }
        };
        if running.threads == 0 || (now >= running.fresh_until && running.threads < MAX_THREADS) {
            match self.spawn(key.clone()) {
                Ok(()) => {
                    running.threads += 1;
                    running.fresh_until = now + FRESH;
                }
                // Others of the key may still answer.
                Err(error) if running.threads == 0 => return Err(error),
                Err(_) => {}
            }
        }
        Ok(running.answer.subscribe())
    }

    fn spawn(self: &Arc<Self>, key: K) -> io::Result<()> {
        let merged = Arc::clone(self);
        let call = move || {
            // A panic is printed where it happens; those who wait are told by `end`.
            let answer = catch_unwind(AssertUnwindSafe(|| (merged.work)(&key))).ok();
            merged.end(&key, answer);
        };
        thread::Builder::new().name(self.name.to_owned()).spawn(call).map(drop)
    }

    /// Takes a thread off the books and answers all who wait, at once: nobody joins a call that has ended.
    fn end(&self, key: &K, answer: Option<V>) {
        let mut running = self.running.lock();
        let Some(calls) = running.get_mut(key) else { return };
        calls.threads -= 1;
        if let Some(answer) = answer {
            let answered = std::mem::replace(&mut calls.answer, watch::Sender::new(None));
            answered.send_replace(Some(answer));
            // The others may hang: a new call is needed.
            calls.fresh_until = Instant::now();
        }
        if calls.threads == 0 {
            // After a panic, the end of the sender tells those who wait.
            running.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use tokio::time::timeout;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    /// A function that counts its calls, and hangs for keys that begin with "stuck" until it is let go.
    struct Rig {
        merged: Arc<Merged<String, usize>>,
        calls: Arc<AtomicUsize>,
        release: Vec<mpsc::Sender<()>>,
    }

    fn rig(stuck: usize) -> Rig {
        let calls = Arc::new(AtomicUsize::new(0));
        let (release, gates): (Vec<_>, Vec<_>) = (0..stuck).map(|_| mpsc::channel()).unzip();
        let (counted, gates) = (Arc::clone(&calls), Mutex::new(gates));
        let merged = Merged::new("test", move |key: &String| {
            let number = counted.fetch_add(1, Ordering::SeqCst);
            assert!(key != "panics");
            if key.starts_with("stuck") {
                let gate: Option<mpsc::Receiver<()>> = gates.lock().pop();
                if let Some(gate) = gate {
                    let _ = gate.recv();
                }
            }
            number
        });
        Rig { merged, calls, release }
    }

    impl Rig {
        /// Makes the calls for a key look old.
        fn age(&self, key: &str) {
            self.merged.running.lock().get_mut(key).unwrap().fresh_until = Instant::now();
        }
    }

    #[tokio::test]
    async fn no_number_of_calls_that_hang_delays_another() {
        let rig = rig(200);
        let stuck: Vec<_> = (0..200).map(|n| rig.merged.ask(&format!("stuck {n}")).unwrap()).collect();
        timeout(LONG, rig.merged.call(&"healthy".to_owned())).await.unwrap().unwrap();
        assert!(stuck.iter().all(|answer| answer.borrow().is_none()));
        drop(rig.release);
        for mut answer in stuck {
            timeout(LONG, answer.wait_for(Option::is_some)).await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn equal_calls_are_merged_while_they_are_fresh() {
        let rig = rig(1);
        let key = "stuck".to_owned();
        let waiting: Vec<_> = (0..50).map(|_| rig.merged.ask(&key).unwrap()).collect();
        drop(rig.release);
        for mut answer in waiting {
            let answer = timeout(LONG, answer.wait_for(Option::is_some)).await.unwrap().unwrap();
            assert_eq!(*answer, Some(0));
        }
        assert_eq!(rig.calls.load(Ordering::SeqCst), 1);
        timeout(LONG, rig.merged.call(&key)).await.unwrap().unwrap();
        assert_eq!(rig.calls.load(Ordering::SeqCst), 2, "an answer is not kept");
    }

    #[tokio::test]
    async fn a_new_call_answers_those_whose_own_hangs() {
        let rig = rig(1);
        let key = "stuck".to_owned();
        let mut first = rig.merged.ask(&key).unwrap();
        while rig.calls.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        rig.age(&key);
        assert_eq!(timeout(LONG, rig.merged.call(&key)).await.unwrap().unwrap(), 1);
        assert_eq!(*timeout(LONG, first.wait_for(Option::is_some)).await.unwrap().unwrap(), Some(1));
    }

    #[tokio::test]
    async fn a_key_has_few_threads() {
        let rig = rig(20);
        let key = "stuck".to_owned();
        for _ in 0..20 {
            drop(rig.merged.ask(&key).unwrap());
            rig.age(&key);
        }
        assert_eq!(rig.merged.running.lock()[&key].threads, MAX_THREADS);
        let mut answer = rig.merged.ask(&key).unwrap();
        drop(rig.release);
        timeout(LONG, answer.wait_for(Option::is_some)).await.unwrap().unwrap();
        while !rig.merged.running.lock().is_empty() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_call_that_ends_is_joined_by_nobody() {
        let merged = rig(0).merged;
        let asking = (0..8).map(|_| {
            let merged = Arc::clone(&merged);
            tokio::spawn(async move {
                for _ in 0..500 {
                    timeout(LONG, merged.call(&"healthy".to_owned())).await.unwrap().unwrap();
                }
            })
        });
        for asking in asking.collect::<Vec<_>>() {
            asking.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let rig = rig(0);
        let error = timeout(LONG, rig.merged.call(&"panics".to_owned())).await.unwrap().unwrap_err();
        assert!(error.to_string().contains("without an answer"));
    }
}
