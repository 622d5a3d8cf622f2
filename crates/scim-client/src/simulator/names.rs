//! The names of generated people and teams: as they are written, and as a login name spells them.

/// First names.
pub(crate) const GIVEN: &[(&str, &str)] = &[
    ("Lena", "lena"),
    ("Zoë", "zoe"),
    ("José", "jose"),
    ("Aisha", "aisha"),
    ("Søren", "soren"),
    ("Łukasz", "lukasz"),
    ("Chloé", "chloe"),
    ("Björn", "bjoern"),
    ("Ngọc", "ngoc"),
    ("Mehmet", "mehmet"),
    ("Ayşe", "ayse"),
    ("Noah", "noah"),
    ("Emma", "emma"),
    ("Liam", "liam"),
    ("Olivia", "olivia"),
    ("Mateo", "mateo"),
    ("Inês", "ines"),
    ("João", "joao"),
    ("Zsófia", "zsofia"),
    ("Tomáš", "tomas"),
    ("Jürgen", "juergen"),
    ("Anaïs", "anais"),
    ("Renée", "renee"),
    ("Māra", "mara"),
    ("Dmitri", "dmitri"),
    ("Priya", "priya"),
    ("Arjun", "arjun"),
    ("Yuki", "yuki"),
    ("Haruto", "haruto"),
    ("明", "ming"),
    ("小雨", "xiaoyu"),
    ("지우", "jiwoo"),
    ("Fatima", "fatima"),
    ("Omar", "omar"),
    ("Kwame", "kwame"),
    ("Amara", "amara"),
    ("Thandi", "thandi"),
    ("Sipho", "sipho"),
    ("Grace", "grace"),
    ("Jack", "jack"),
    ("Ruby", "ruby"),
    ("Ethan", "ethan"),
    ("Mia", "mia"),
    ("Lucas", "lucas"),
    ("Hannah", "hannah"),
    ("Felix", "felix"),
    ("Clara", "clara"),
    ("Ivan", "ivan"),
    ("Elif", "elif"),
    ("Kerem", "kerem"),
    ("Siobhán", "siobhan"),
    ("Oisín", "oisin"),
    ("Freyja", "freyja"),
    ("Ragnar", "ragnar"),
    ("Eero", "eero"),
    ("Aino", "aino"),
    ("Pēteris", "peteris"),
    ("Rasa", "rasa"),
    ("Vuk", "vuk"),
    ("Jelena", "jelena"),
    ("Nikos", "nikos"),
    ("Eleni", "eleni"),
    ("Dawit", "dawit"),
    ("Selam", "selam"),
];

/// Family names.
pub(crate) const FAMILY: &[(&str, &str)] = &[
    ("Ortiz", "ortiz"),
    ("Müller", "mueller"),
    ("Nuñez", "nunez"),
    ("O'Brien", "obrien"),
    ("Østergård", "ostergard"),
    ("Wójcik", "wojcik"),
    ("Lefèvre", "lefevre"),
    ("Ångström", "angstrom"),
    ("Nguyễn", "nguyen"),
    ("Yılmaz", "yilmaz"),
    ("Şahin", "sahin"),
    ("Smith", "smith"),
    ("Johnson", "johnson"),
    ("Williams", "williams"),
    ("Brown", "brown"),
    ("García", "garcia"),
    ("Gonçalves", "goncalves"),
    ("Conceição", "conceicao"),
    ("Kovács", "kovacs"),
    ("Novák", "novak"),
    ("Groß", "gross"),
    ("Dvořák", "dvorak"),
    ("Bērziņš", "berzins"),
    ("van der Berg", "vanderberg"),
    ("Ivanov", "ivanov"),
    ("Sharma", "sharma"),
    ("Patel", "patel"),
    ("Tanaka", "tanaka"),
    ("Sato", "sato"),
    ("陳", "chen"),
    ("李", "li"),
    ("김", "kim"),
    ("Al-Farsi", "alfarsi"),
    ("Hassan", "hassan"),
    ("Mensah", "mensah"),
    ("Okafor", "okafor"),
    ("Dlamini", "dlamini"),
    ("Nkosi", "nkosi"),
    ("Taylor", "taylor"),
    ("Wilson", "wilson"),
    ("Clarke", "clarke"),
    ("Evans", "evans"),
    ("Moreau", "moreau"),
    ("Rossi", "rossi"),
    ("Ferrari", "ferrari"),
    ("Schmidt", "schmidt"),
    ("Fischer", "fischer"),
    ("Petrov", "petrov"),
    ("Demir", "demir"),
    ("Kaya", "kaya"),
    ("Ní Dhomhnaill", "nidhomhnaill"),
    ("Murphy", "murphy"),
    ("Jónsdóttir", "jonsdottir"),
    ("Sigurðsson", "sigurdsson"),
    ("Virtanen", "virtanen"),
    ("Mäkinen", "makinen"),
    ("Ozols", "ozols"),
    ("Kazlauskas", "kazlauskas"),
    ("Jovanović", "jovanovic"),
    ("Petrović", "petrovic"),
    ("Papadopoulos", "papadopoulos"),
    ("Georgiou", "georgiou"),
    ("Tesfaye", "tesfaye"),
];

/// Departments.
pub(crate) const DEPARTMENTS: &[&str] = &[
    "Engineering",
    "Sales",
    "Support",
    "Finance",
    "Marketing",
    "People & Culture",
    "Legal",
    "Operations",
    "Design",
    "Forschung & Entwicklung",
    "Data",
    "Security",
];

/// Titles.
pub(crate) const TITLES: &[&str] = &[
    "Engineer",
    "Senior Engineer",
    "Account Executive",
    "Agent",
    "Analyst",
    "Designer",
    "Counsel",
    "Team Lead",
    "Director",
    "Chargé de clientèle",
];

/// Where the company has offices.
pub(crate) const PLACES: &[&str] = &[
    "Berlin",
    "São Paulo",
    "Zürich",
    "Austin",
    "Kraków",
    "Dublin",
    "Tokyo",
    "Nairobi",
    "Montréal",
    "Pune",
];

/// Languages, as `locale` has them.
pub(crate) const LOCALES: &[&str] = &["en-US", "de-DE", "fr-FR", "pt-BR", "pl-PL", "ja-JP"];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn login_names_are_plain_and_unique() {
        for list in [GIVEN, FAMILY] {
            let spelled: BTreeSet<&str> = list.iter().map(|(_, spelled)| *spelled).collect();
            assert_eq!(spelled.len(), list.len());
            assert!(
                spelled
                    .iter()
                    .all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase()))
            );
        }
        // So that stepping through all pairs by a prime meets each once.
        assert_eq!((GIVEN.len(), FAMILY.len()), (64, 63));
    }
}
