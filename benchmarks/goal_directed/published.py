"""Published numbers of PMO: AUC of the ten best, 10,000 calls, each with the class it belongs to.

Numbers of different classes do not compare. prescreened: all of ZINC250k was scored before, for
nothing. early: isomers, sitagliptin and zaleplon by the oracle before its repair of 2022.
Sources: the README of invirtuolabs/InVirtuoGen_results and its table of references (GenMol
2501.06158, f-RAG 2411.12078, Genetic GFN 2402.05961, Mol GA 2310.09267, PMO 2206.12411).
"""

from __future__ import annotations

PRESCREENED, WITHIN, EARLY = "prescreened", "within 10,000 calls", "early oracle in four rows"

CLASSES = {
    "InVirtuoGen*": PRESCREENED,
    "GenMol*": PRESCREENED,
    "f-RAG*": PRESCREENED,
    "InVirtuoGen": WITHIN,
    "Genetic GFN": WITHIN,
    "Mol GA": WITHIN,
    "REINVENT": EARLY,
    "Graph GA": EARLY,
}
"""Method -> its class; a star marks prescreened ones."""

TABLE = """
albuterol_similarity 0.975 0.937 0.977 0.950 0.949 0.896 0.882 0.838
amlodipine_mpo 0.836 0.810 0.749 0.733 0.761 0.688 0.635 0.661
celecoxib_rediscovery 0.839 0.826 0.778 0.798 0.802 0.567 0.713 0.630
deco_hop 0.968 0.960 0.936 0.748 0.733 0.649 0.666 0.619
fexofenadine_mpo 0.904 0.894 0.856 0.845 0.856 0.825 0.784 0.760
isomers_c7h8n2o2 0.988 0.942 0.955 0.968 0.969 0.878 0.852 0.862
isomers_c9h10n2o2pf2cl 0.898 0.833 0.850 0.874 0.897 0.865 0.642 0.719
median1 0.386 0.398 0.340 0.342 0.379 0.257 0.356 0.294
median2 0.377 0.359 0.323 0.288 0.294 0.301 0.276 0.273
mestranol_similarity 0.991 0.982 0.671 0.797 0.708 0.591 0.618 0.579
osimertinib_mpo 0.881 0.876 0.866 0.870 0.860 0.844 0.837 0.831
perindopril_mpo 0.753 0.718 0.681 0.645 0.595 0.547 0.537 0.538
qed 0.943 0.942 0.939 0.942 0.942 0.941 0.941 0.940
ranolazine_mpo 0.854 0.821 0.820 0.848 0.819 0.804 0.760 0.728
scaffold_hop 0.711 0.628 0.576 0.589 0.615 0.527 0.560 0.517
sitagliptin_mpo 0.743 0.584 0.601 0.709 0.634 0.582 0.021 0.433
thiothixene_rediscovery 0.652 0.692 0.584 0.625 0.583 0.519 0.534 0.479
troglitazone_rediscovery 0.853 0.867 0.448 0.595 0.511 0.427 0.441 0.390
valsartan_smarts 0.935 0.822 0.627 0.210 0.135 0.000 0.178 0.000
zaleplon_mpo 0.624 0.584 0.486 0.536 0.552 0.519 0.358 0.346
"""

PUBLISHED: dict[str, dict[str, float]] = {
    row.split()[0]: dict(zip(CLASSES, map(float, row.split()[1:]), strict=True))
    for row in TABLE.strip().splitlines()
}
"""Task -> method -> its number; the 20 tasks of RDKit alone."""
