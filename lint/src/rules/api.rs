//! Rules about what the API server itself would refuse.
//! Lists its files; judges nothing itself.

pub(super) mod bg001;
pub(super) mod bg002;
pub(super) mod bg005;
pub(super) mod bg006;
pub(super) mod bg007;
pub(super) mod bg010;
mod fields;

use crate::finding::Findings;
use crate::manifest::Object;

/// Reports what the validation of an object says under one code.
fn report(code: &str, object: &Object, findings: &mut Findings<'_>) {
    for defect in crate::api::validate(object).into_iter().filter(|defect| defect.code == code) {
        findings.report(defect.place, defect.message).help(defect.help);
    }
}
