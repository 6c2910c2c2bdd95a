//! The list.

mod deadlines;
mod endings;
mod hosts;
mod load;
mod refusals;
mod relay;

use super::case::Case;

/// Every scenario; `full` ones are larger.
pub(crate) fn all(full: bool) -> Vec<Case> {
    let mut all = relay::list();
    all.extend(refusals::list());
    all.extend(deadlines::list());
    all.extend(endings::list());
    all.extend(hosts::list());
    all.extend(load::list(full));
    all
}
