//! The page of the errors: code, cause, way out and exit status, made from where the errors are declared.
//! Knows no single error; an error without a code or a cause is a problem.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use proc_macro2::TokenStream;
use syn::{Attribute, Expr, ImplItem, Item, Lit, Meta, Pat};

use crate::Problem;
use crate::tree::{LINTER, PLUGIN, Source, sources};

/// One way in which a command ends.
struct Case {
    code: String,
    cause: String,
    message: Option<String>,
    way_out: String,
    status: String,
}

/// `docs/errors.md`.
///
/// # Errors
/// When a source cannot be understood.
pub fn page(root: &Path) -> Result<String, Problem> {
    let mut text = String::from(
        "# Errors\n\nEach error has a code, which does not change: `error[CODE]: ...` on the terminal, and `error.code` in the \
         data of `kubectl bluegreen -o json`. Where something had been written before, the message goes on with what is true now: \
         `...; no traffic was moved; done: ...`. Words in CAPITALS stand for what the program fills in; every error says its own \
         way out. A command line that cannot be read is `error: ...` on the terminal, and `bluegreen::usage` in the data; the \
         linter prints the code above the place in the file.\n",
    );
    for (program, folder) in [("kubectl bluegreen", PLUGIN), ("bluegreen-lint", LINTER)] {
        let mut cases: BTreeMap<String, Vec<Case>> = BTreeMap::new();
        for source in sources(root, folder)? {
            for case in of_source(&source, folder)? {
                cases.entry(case.code.clone()).or_default().push(case);
            }
        }
        let _ = write!(text, "\n## {program}\n");
        for (code, cases) in cases {
            let _ = write!(text, "\n### {code}\n");
            for case in cases {
                let _ = write!(text, "\n{}\n\n", case.cause);
                if let Some(message) = case.message {
                    let _ = writeln!(text, "- It says: {message}");
                }
                let _ = writeln!(text, "- Way out: {}", case.way_out);
                let _ = writeln!(text, "- Exit status: {}", case.status);
            }
        }
    }
    Ok(text)
}

/// The errors that a file declares.
fn of_source(source: &Source, folder: &str) -> Result<Vec<Case>, Problem> {
    let mut cases = Vec::new();
    let file = source.syntax()?;
    let statuses = statuses(&file);
    for item in &file.items {
        match item {
            Item::Enum(item) if derives_diagnostic(&item.attrs) => {
                for variant in &item.variants {
                    let name = variant.ident.to_string();
                    let status = match statuses.get(&name) {
                        _ if folder == LINTER => "2".to_owned(),
                        Some(status) => status.clone(),
                        // Where a kind of error has no status of its own, the program fails with it.
                        None if statuses.is_empty() => "1".to_owned(),
                        None => return Err(Problem(format!("{}: {name} has no exit status", source.path))),
                    };
                    cases.extend(case(&variant.attrs, status));
                }
            }
            Item::Struct(item) if derives_diagnostic(&item.attrs) => {
                let status = if folder == LINTER { "2" } else { "1" };
                cases.extend(case(&item.attrs, status.to_owned()));
            }
            _ => {}
        }
    }
    Ok(cases)
}

fn derives_diagnostic(attributes: &[Attribute]) -> bool {
    let mut found = false;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("derive")) {
        let _ = attribute.parse_nested_meta(|meta| {
            found |= meta.path.segments.last().is_some_and(|segment| segment.ident == "Diagnostic");
            Ok(())
        });
    }
    found
}

/// An error with a code of its own; nothing for one that only passes another on.
fn case(attributes: &[Attribute], status: String) -> Option<Case> {
    let (mut code, mut way_out) = (None, None);
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("diagnostic")) {
        let _ = attribute.parse_nested_meta(|meta| {
            let is = |name: &str| meta.path.is_ident(name);
            if is("code") {
                let content;
                syn::parenthesized!(content in meta.input);
                let path: syn::Path = content.parse()?;
                code = Some(path.segments.iter().map(|s| s.ident.to_string()).collect::<Vec<_>>().join("::"));
            } else if is("help") {
                let content;
                syn::parenthesized!(content in meta.input);
                let template: syn::LitStr = content.parse()?;
                // What follows are the expressions that fill it.
                let _: TokenStream = content.parse()?;
                way_out = Some(filled(&template.value()));
            }
            Ok(())
        });
    }
    let mut message = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("error")) {
        if let Meta::List(list) = &attribute.meta {
            let parsed = list.parse_args_with(|input: syn::parse::ParseStream<'_>| {
                let template: syn::LitStr = input.parse()?;
                let _: TokenStream = input.parse()?;
                Ok(filled(&template.value()))
            });
            message = parsed.ok().flatten();
        }
    }
    // What the program fills in is put into words in the documentation.
    let text = documentation(attributes);
    let (cause, said) = text.split_once("Way out: ").unwrap_or((&text, "the message says it"));
    let way_out = way_out.flatten().unwrap_or_else(|| said.trim_end_matches('.').to_owned());
    Some(Case { code: code?, cause: cause.trim_end().to_owned(), message, way_out, status })
}

/// `{name}` as `NAME`; nothing when the text is only what the program fills in.
fn filled(template: &str) -> Option<String> {
    let mut text = String::new();
    let (mut literal, mut rest) = (0, template);
    while let Some((before, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}')?;
        text.push_str(before);
        literal += before.trim().len();
        let name = name.split([':', '.']).next().unwrap_or_default();
        text.push_str(&if name.is_empty() || name.parse::<u8>().is_ok() {
            "...".to_owned()
        } else {
            name.to_uppercase()
        });
        rest = tail;
    }
    literal += rest.trim().len();
    text.push_str(rest);
    (literal > 2).then_some(text)
}

fn documentation(attributes: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        if let Meta::NameValue(pair) = &attribute.meta
            && let Expr::Lit(literal) = &pair.value
            && let Lit::Str(text) = &literal.lit
        {
            lines.push(text.value().trim().to_owned());
        }
    }
    lines.join("\n")
}

/// What `fn status` answers for each variant, as numbers.
fn statuses(file: &syn::File) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let functions =
        file.items.iter().filter_map(|item| if let Item::Impl(item) = item { Some(&item.items) } else { None });
    for item in functions.flatten() {
        let ImplItem::Fn(function) = item else { continue };
        if function.sig.ident != "status" {
            continue;
        }
        for statement in &function.block.stmts {
            let syn::Stmt::Expr(Expr::Match(choice), _) = statement else { continue };
            for arm in &choice.arms {
                let mut variants = Vec::new();
                names(&arm.pat, &mut variants);
                found.extend(variants.into_iter().map(|variant| (variant, number(&arm.body))));
            }
        }
    }
    found
}

/// The last words of the paths of a pattern.
fn names(pattern: &Pat, into: &mut Vec<String>) {
    let mut push = |path: &syn::Path| into.extend(path.segments.last().map(|segment| segment.ident.to_string()));
    match pattern {
        Pat::Or(or) => or.cases.iter().for_each(|case| names(case, into)),
        Pat::Struct(pattern) => push(&pattern.path),
        Pat::TupleStruct(pattern) => push(&pattern.path),
        Pat::Path(pattern) => push(&pattern.path),
        _ => {}
    }
}

fn number(body: &Expr) -> String {
    use kubectl_bluegreen::release::ExitStatus as S;
    let all = [S::Done, S::Failed, S::Usage, S::Refused, S::PutBack, S::Busy, S::TimedOut, S::Interrupted];
    let name = match body {
        Expr::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        Expr::Block(block) => match block.block.stmts.as_slice() {
            [syn::Stmt::Expr(body, None)] => return number(body),
            _ => None,
        },
        _ => None,
    };
    let status = all.into_iter().find(|status| name.as_deref() == Some(&format!("{status:?}")));
    status.map_or_else(|| "depends on the case".to_owned(), |status| (status as u8).to_string())
}
