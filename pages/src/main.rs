//! Writes every generated file into the repository; with `--man DIR`, the man pages into that directory instead.
//! Makes no texts.

use std::error::Error;
use std::path::Path;

use bluegreen_lint::files::write_atomically;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            // The pictures name files as from there.
            std::env::set_current_dir(pages::root())?;
            for (path, text) in pages::generated()? {
                let path = pages::root().join(path);
                path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
                write_atomically(&path, text.as_bytes())?;
            }
            Ok(())
        }
        ["--man", directory] => {
            std::fs::create_dir_all(directory)?;
            pages::cli::man(Path::new(directory))?;
            Ok(())
        }
        _ => Err("usage: pages [--man DIRECTORY]".into()),
    }
}
