//! `flatscape completions` and `flatscape man`: made from the same description of the commands that reads them.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, print};
use crate::error::{Error, Result};

#[derive(Debug, Args)]
pub(super) struct CompletionsArguments {
    /// The shell to complete in
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct ManArguments {
    /// The page of one command [default: the page of the program]
    command: Option<String>,
}

pub(super) fn completions(arguments: &CompletionsArguments) -> Result<u8> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "flatscape", &mut text);
    print(&text)?;
    Ok(0)
}

pub(super) fn man(arguments: &ManArguments) -> Result<u8> {
    let mut program = Cli::command();
    // Gives every command its full name and the options that all commands share.
    program.build();
    let page = match &arguments.command {
        None => program,
        Some(name) => match program.find_subcommand(name) {
            Some(command) => command.clone(),
            None => {
                let known: Vec<&str> = program.get_subcommands().map(|c| c.get_name()).collect();
                return Err(Error::Usage(format!(
                    "man {name}: there is no such command; there are {}",
                    known.join(", ")
                )));
            }
        },
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page)
        .render(&mut text)
        .map_err(|e| Error::Run(format!("the man page cannot be written: {e}")))?;
    print(&text)?;
    Ok(0)
}
