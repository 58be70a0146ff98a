//! A crate's modules with their imports.

use std::{collections::BTreeMap, fs, path::Path};

use crate::imports::{Import, Module, read};

/// A module's path below the crate.
pub(crate) type ModulePath = Vec<String>;

/// The modules of a crate, by path.
pub(crate) struct Tree(BTreeMap<ModulePath, Module>);

/// Something one module names of another.
pub(crate) struct Resolved<'a> {
    pub(crate) from: &'a [String],
    /// The module that defines it; empty for the root.
    pub(crate) to: ModulePath,
    pub(crate) written: String,
}

impl Tree {
    /// Reads all files of a folder.
    pub(crate) fn read(src: &Path) -> Self {
        let mut files = vec![];
        collect(src, "", &mut files);
        Self::of(files)
    }

    /// Takes files as paths relative to `src` and texts.
    pub(crate) fn of(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut modules = BTreeMap::new();
        for (path, text) in files {
            read(&module_of(&path), &text, &mut modules);
        }
        // Files of modules that exist only for tests.
        let tests: Vec<ModulePath> = modules.values().flat_map(|module: &Module| module.tests.iter().cloned()).collect();
        modules.retain(|path, _| !tests.iter().any(|test| path.starts_with(test)));
        Self(modules)
    }

    pub(crate) fn modules(&self) -> impl Iterator<Item = &ModulePath> {
        self.0.keys()
    }

    /// Items of a module that would hide arrows, each as a line.
    pub(crate) fn refused(&self) -> impl Iterator<Item = String> {
        self.0.iter().flat_map(|(path, module)| module.refused.iter().map(move |form| format!("{} holds {form}", path.join("::"))))
    }

    /// Every import, with the module that defines what is imported. Those of other crates are left out, and so are the root's own.
    pub(crate) fn imports(&self) -> impl Iterator<Item = Resolved<'_>> {
        let all = self.0.iter().filter(|(path, _)| !path.is_empty());
        let all = all.flat_map(|(path, module)| module.imports.iter().map(move |import| (path, import)));
        all.filter_map(|(from, import)| {
            let to = self.resolve(from, import)?;
            (*from != to).then(|| Resolved { from, to, written: import.path.join("::") })
        })
    }

    /// The module that defines what an import names, through re-exports; `None` for another crate's.
    fn resolve(&self, from: &[String], import: &Import) -> Option<ModulePath> {
        let start = self.absolute(from, import)?;
        // Through the root only as far as its name: using it is what is looked for.
        if start.first().is_some_and(|first| !self.0.contains_key(std::slice::from_ref(first))) {
            return Some(vec![]);
        }
        Some(self.definition(&start, 8))
    }

    fn absolute(&self, from: &[String], import: &Import) -> Option<ModulePath> {
        if import.anchored {
            return Some(import.path.clone());
        }
        // A path without `crate`, `super` or `self` begins with a child of the module, a name that a `use` brought in, or a crate.
        let local: ModulePath = from.iter().chain(&import.path).cloned().collect();
        if self.0.contains_key(&local[..=from.len()]) {
            return Some(local);
        }
        let (first, rest) = import.path.split_first()?;
        let (_, named) = self.0.get(from)?.names.iter().find(|(alias, named)| alias == first && named.path != import.path)?;
        Some(self.absolute(from, named)?.into_iter().chain(rest.iter().cloned()).collect())
    }

    fn definition(&self, path: &[String], steps: u8) -> ModulePath {
        let mut depth = 0;
        while depth < path.len() && self.0.contains_key(&path[..=depth]) {
            depth += 1;
        }
        let (here, rest) = path.split_at(depth);
        let (Some(name), Some(module)) = (rest.first(), self.0.get(here)) else { return here.to_vec() };
        let named = module.names.iter().find(|(alias, _)| alias == name).and_then(|(_, import)| self.absolute(here, import));
        match named {
            Some(target) if steps > 0 => self.definition(&[&target, &rest[1..]].concat(), steps - 1),
            _ => here.to_vec(),
        }
    }
}

fn module_of(file: &str) -> ModulePath {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').filter(|part| *part != "lib").map(str::to_owned).collect()
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
            files.push((name, fs::read_to_string(entry.path()).unwrap()));
        }
    }
}
