//! The one list of all rules.
//! A rule's file is added here by one line in its group's module and one line below.

mod api;
mod budgets;
mod containers;
pub mod differences;
mod drift;
mod labeling;
mod labels;
mod meaning;
mod meta;
mod pairing;
mod ports;
mod probes;
mod resources;
mod rollout;
mod scaling;
mod selecting;
mod services;
mod sizes;
mod traffic;
mod utilization;

use crate::rule::Rule;

/// Every rule, in the order of the codes.
pub static ALL: &[&Rule] = &[
    &api::bg001::RULE,
    &api::bg002::RULE,
    &api::bg003::RULE,
    &api::bg004::RULE,
    &api::bg005::RULE,
    &api::bg006::RULE,
    &api::bg007::RULE,
    &api::bg008::RULE,
    &api::bg009::RULE,
    &api::bg010::RULE,
    &labels::bg101::RULE,
    &labels::bg102::RULE,
    &labels::bg103::RULE,
    &labels::bg104::RULE,
    &labels::bg105::RULE,
    &labels::bg106::RULE,
    &services::bg201::RULE,
    &services::bg202::RULE,
    &services::bg203::RULE,
    &services::bg204::RULE,
    &services::bg205::RULE,
    &services::bg206::RULE,
    &services::bg207::RULE,
    &services::bg208::RULE,
    &services::bg209::RULE,
    &services::bg210::RULE,
    &services::bg211::RULE,
    &probes::bg301::RULE,
    &probes::bg302::RULE,
    &probes::bg303::RULE,
    &probes::bg304::RULE,
    &probes::bg305::RULE,
    &probes::bg306::RULE,
    &resources::bg401::RULE,
    &resources::bg402::RULE,
    &resources::bg403::RULE,
    &resources::bg404::RULE,
    &rollout::bg501::RULE,
    &rollout::bg502::RULE,
    &rollout::bg503::RULE,
    &rollout::bg504::RULE,
    &rollout::bg505::RULE,
    &drift::bg601::RULE,
    &drift::bg602::RULE,
    &drift::bg603::RULE,
    &drift::bg604::RULE,
    &drift::bg605::RULE,
    &drift::bg606::RULE,
    &drift::bg607::RULE,
    &drift::bg608::RULE,
    &traffic::bg701::RULE,
    &traffic::bg702::RULE,
    &traffic::bg703::RULE,
    &traffic::bg704::RULE,
    &traffic::bg705::RULE,
    &scaling::bg801::RULE,
    &scaling::bg802::RULE,
    &scaling::bg803::RULE,
    &scaling::bg804::RULE,
    &scaling::bg805::RULE,
    &scaling::bg806::RULE,
    &meta::bg901::RULE,
    &meta::bg902::RULE,
    &meta::bg903::RULE,
    &meta::bg904::RULE,
];
