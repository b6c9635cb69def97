//! `completion SHELL`: the script that lets a shell, or kubectl, complete the command line.
//! Only prints; what is offered then is for `complete`.

use crate::complete::FOR_KUBECTL;
use crate::observed::TOOL;

/// Print the script that completes the command line in a shell
///
/// kubectl completes its plugins itself, in every shell that it supports: it runs kubectl_complete-bluegreen from the
/// PATH, which `completion kubectl` prints. The other scripts are for those who type kubectl-bluegreen. Release sets,
/// colors, contexts and namespaces come from the kubeconfig and the cluster; without an answer within 300 ms nothing is
/// offered and nothing is said.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl bluegreen completion kubectl > ~/bin/kubectl_complete-bluegreen && chmod +x ~/bin/kubectl_complete-bluegreen
  source <(kubectl-bluegreen completion bash)     # in ~/.bashrc
  source <(kubectl-bluegreen completion zsh)      # in ~/.zshrc, after compinit
  kubectl-bluegreen completion fish | source      # in config.fish
  kubectl-bluegreen completion powershell | Out-String | Invoke-Expression")]
pub struct Args {
    /// Who completes
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Who completes command lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    /// Bash
    Bash,
    /// Elvish
    Elvish,
    /// Fish
    Fish,
    /// kubectl itself, whatever the shell is
    Kubectl,
    /// PowerShell
    Powershell,
    /// Zsh
    Zsh,
}

/// The script.
#[must_use]
pub fn script(args: &Args) -> String {
    let shell = match args.shell {
        Shell::Bash => "bash",
        Shell::Elvish => "elvish",
        Shell::Fish => "fish",
        Shell::Powershell => "powershell",
        Shell::Zsh => "zsh",
        Shell::Kubectl => return FOR_KUBECTL.to_owned(),
    };
    bluegreen_lint::completion::script(shell, TOOL)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_has_a_script() {
        for shell in Shell::value_variants() {
            let script = script(&Args { shell: *shell });
            assert!(script.contains("kubectl-bluegreen"), "{shell:?}: {script}");
        }
    }
}
