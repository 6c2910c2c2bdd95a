//! The UMS management interface (IMI, v2 and v3) as data: a request is a value, an answer is parsed from its status, its
//! cookies and its body. No HTTP stands here; `procy-ums` brings that.
//!
//! ```text
//!   Api::login(user, password) ──> Request ──(HTTP)──> Response ──> answer::login ──> SessionCookie
//!   Api::devices(&cookie)      ──> Request ──(HTTP)──> Response ──> answer::devices ──> Vec<Device>
//!   DeviceQuery::select(&devices) ──> Device                      (by id, name, MAC or IP)
//!   Api::shadow(&cookie, &id)  ──> Request ──(HTTP)──> Response ──> answer::shadow ──> Credential
//!   Api::logout(&cookie)
//! ```
//!
//! Sources: IGEL Management Interface manual, v2 and v3 (UMS 5 to 12.09). It gives no HTTP status for most errors, so an
//! error is told by its `errorCode` and never by the status alone. Servers of version 12 leave out fields that older
//! ones gave: every field but a device's id is optional here, and unknown ones are ignored.

pub mod answer;
mod device;
mod error;
mod loose;
mod query;
mod request;
mod secret;

pub use answer::Response;
pub use device::{Device, DeviceId, MAX_DEVICE_ID, ServerStatus};
pub use error::{MAX_PEER_TEXT, Refusal, UmsError};
pub use query::{DeviceQuery, FindError, MAX_QUERY, QueryError, normalize_mac};
pub use request::{Api, Call, MAX_ANSWER, MAX_LIST, Method, Request};
pub use secret::{MAX_COOKIE, Secret, SessionCookie};
