//! The commands: one file each, with its arguments and a pure plan.
//! Must not connect, print or write; that is for `main`, `Ui` and `execute`.

pub mod check;
pub mod cleanup;
pub mod completion;
pub mod deploy;
pub mod diff;
pub mod docs;
pub mod history;
pub mod init;
pub mod lint;
pub mod rbac;
pub mod rehearse;
pub mod rollback;
pub mod smoke;
pub mod status;
pub mod switch;
pub mod version;
