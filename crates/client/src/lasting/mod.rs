//! A session that outlives its connections, and the task that keeps it connected.
//!
//! | module | subject |
//! |---|---|
//! | `session` | what a session is to its task: [`Lasting`], with what handles and task both see ([`Shared`]) and what goes on beside a connection ([`Beside`]) |
//! | [`task`] | the life of the connection: wait until it is wanted, connect, speak, reconnect, close |
//! | [`handle`] | the application's side: commands in |
//! | [`goal`], [`link`] | what the application wants of the connection; how far the current one is |
//! | [`neighbours`] | other clients of the process that connect as the same client identifier |
//! | [`times`] | when operations run out of time |
//! | [`reasons`] | why there is no answer, or no connection any more, in words |

pub mod goal;
pub mod handle;
pub mod link;
pub mod neighbours;
pub mod reasons;
mod session;
pub mod task;
pub mod times;

pub use handle::Handle;
pub use session::{Beside, End, Lasting, Shared};
