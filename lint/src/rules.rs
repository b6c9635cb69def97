//! The one list of all rules.
//! A rule's file is added here by one line in its group's module and one line below.

mod api;
mod containers;
mod drift;
mod labels;
mod ports;
mod probes;
mod resources;
mod rollout;
mod services;

use crate::rule::Rule;

/// Every rule, in the order of the codes.
pub static ALL: &[&Rule] = &[
    &api::bg001::RULE,
    &api::bg002::RULE,
    &api::bg005::RULE,
    &labels::bg103::RULE,
    &services::bg201::RULE,
    &services::bg202::RULE,
    &services::bg203::RULE,
    &services::bg204::RULE,
    &services::bg205::RULE,
    &services::bg206::RULE,
    &services::bg207::RULE,
    &probes::bg301::RULE,
    &resources::bg401::RULE,
    &resources::bg402::RULE,
    &rollout::bg503::RULE,
    &drift::bg603::RULE,
    &drift::bg605::RULE,
];
