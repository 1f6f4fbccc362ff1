"""The words of a shop's language: names of customers, and what its catalogue sells."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

Things = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Nouns by department and section."""


@dataclass(frozen=True)
class Words:
    """Every language has as many things, in the same order. `description` has the product's `{name}`."""

    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    things: Things
    adjectives: tuple[str, ...]
    clusters: Mapping[int, str]
    colour: str
    colours: tuple[tuple[str, ...], tuple[str, ...]]
    mixed: str
    description: str
    sales_channels: tuple[str, str, str]

    @cached_property
    def leaves(self) -> list[tuple[str, str, str]]:
        """`(department, section, noun)` of everything that the shop can sell."""
        return [(a, b, noun) for a, sections in self.things.items() for b, nouns in sections.items()
                for noun in nouns]  # fmt: skip

    @cached_property
    def category_ids(self) -> dict[str, int]:
        """The ids of departments and sections. Ours have the same ids in all languages."""
        names = (name for a, sections in self.things.items() for name in (a, *sections))
        return {name: number for number, name in enumerate(names, start=1)}


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PORTUGUESE = Words(
    first_names=_names("""
        Ana Beatriz Bruno Camila Carlos Cecília Daniel Débora Diego Eduardo Elisa Emília Fábio Fernanda
        Felipe Flávia Gabriel Giovana Gustavo Helena Henrique Heloísa Igor Inês Isabela João Joana José
        Júlia Laura Leonardo Lívia Lucas Luísa Manuel Marcela Márcio Mariana Mateus Miguel Natália Nelson
        Olívia Otávio Patrícia Paulo Pedro Rafael Renata Ricardo Rita Rodrigo Sabrina Samuel Sílvia Sofia
        Tiago Teresa Valéria Vicente Vitória Yara
        """),
    last_names=_names("""
        Albuquerque Almeida Alves Andrade Araújo Barbosa Barros Batista Borges Cardoso Carvalho Castro
        Coelho Correia Costa Cunha Dias Duarte Esteves Farias Fernandes Ferreira Fonseca Freitas Garcia
        Gomes Gonçalves Lima Lopes Machado Magalhães Marques Martins Medeiros Melo Mendes Monteiro Moraes
        Moreira Moura Nascimento Neves Nogueira Nunes Oliveira Pacheco Peixoto Pereira Pinto Ramos Ribeiro
        Rocha Rodrigues Salgado Santos Silva Siqueira Soares Souza Teixeira Vasconcelos Vieira
        """),
    things={
        "Casa": {
            "Cozinha": ("Panela", "Chaleira", "Tábua"),
            "Quarto": ("Lençol", "Travesseiro", "Luminária"),
        },
        "Moda": {
            "Calçados": ("Tênis", "Bota", "Sandália"),
            "Camisas": ("Camiseta", "Camisa Polo", "Blusa"),
        },
        "Eletrônicos": {
            "Áudio": ("Fone", "Caixa de Som", "Microfone"),
            "Teclados": ("Teclado", "Mouse", "Suporte"),
        },
        "Mercado": {"Bebidas": ("Café", "Chá", "Suco"), "Doces": ("Chocolate", "Geleia", "Biscoito")},
        "Esporte": {"Corrida": ("Relógio", "Mochila", "Boné"), "Praia": ("Prancha", "Toalha", "Cadeira")},
    },
    adjectives=(
        "Clássico", "Leve", "Compacto", "Prático", "Elegante", "Rústico", "Urbano", "Solar", "Fresco", "Ágil",
    ),
    clusters={
        137: "Novidades", 138: "Mais vendidos", 139: "Frete grátis", 140: "Outlet | Verão", 141: "Presentes",
    },
    colour="Cor",
    colours=(("Preto",), ("Azul", "Verde")),
    mixed="Misto",
    description="<p>{name}: <b>durável</b>.<br/>Garantia: 12&nbsp;meses &amp; troca</p>",
    sales_channels=("Loja principal", "Atacado", "Internacional"),
)  # fmt: skip

SPANISH = Words(
    first_names=_names("""
        Adriana Alba Alejandro Álvaro Ana Andrés Antonio Beatriz Blanca Carlos Carmen Clara Cristina Daniel
        David Diego Elena Emilio Esteban Eva Fernando Francisco Gabriela Gonzalo Héctor Hugo Ignacio Inés
        Irene Isabel Jaime Javier Jorge Josefina Julia Laura Lorena Lucía Luis Manuel Marcos María Marta
        Martín Mateo Mercedes Miguel Mónica Natalia Nicolás Nuria Óscar Pablo Paula Pilar Raquel Raúl Rocío
        Rosa Rubén Santiago Sara Sergio Silvia Sofía Teresa Tomás Valeria Vicente Víctor Ximena
        """),
    last_names=_names("""
        Aguilar Alonso Álvarez Arias Benítez Blanco Bravo Cabrera Calvo Campos Castillo Cortés Cruz Delgado
        Díaz Domínguez Durán Fernández Flores Fuentes Gallego García Giménez Gómez González Guerrero
        Gutiérrez Hernández Herrera Ibáñez Iglesias Jiménez León López Lozano Marín Martínez Medina Méndez
        Molina Morales Moreno Muñoz Navarro Núñez Ortega Ortiz Pascual Peña Pérez Prieto Ramírez Ramos Reyes
        Rojas Romero Rubio Ruiz Sánchez Santana Serrano Soto Suárez Torres Vargas Vázquez Vega Vidal
        """),
    things={
        "Hogar": {
            "Cocina": ("Sartén", "Tetera", "Tabla"),
            "Dormitorio": ("Sábana", "Almohada", "Lámpara"),
        },
        "Moda": {"Calzado": ("Zapatilla", "Bota", "Sandalia"), "Camisas": ("Camiseta", "Polo", "Blusa")},
        "Electrónica": {
            "Audio": ("Auricular", "Altavoz", "Micrófono"),
            "Teclados": ("Teclado", "Ratón", "Soporte"),
        },
        "Mercado": {"Bebidas": ("Café", "Té", "Zumo"), "Dulces": ("Chocolate", "Mermelada", "Galleta")},
        "Deporte": {"Carrera": ("Reloj", "Mochila", "Gorra"), "Playa": ("Tabla de Surf", "Toalla", "Silla")},
    },
    adjectives=(
        "Clásico", "Ligero", "Compacto", "Práctico", "Elegante", "Rústico", "Urbano", "Solar", "Fresco",
        "Ágil",
    ),
    clusters={
        137: "Novedades", 138: "Más vendidos", 139: "Envío gratis", 140: "Outlet | Verano", 141: "Regalos",
    },
    colour="Color",
    colours=(("Negro",), ("Azul", "Verde")),
    mixed="Mixto",
    description="<p>{name}: <b>duradero</b>.<br/>Garantía: 12&nbsp;meses &amp; cambio</p>",
    sales_channels=("Tienda principal", "Mayorista", "Internacional"),
)  # fmt: skip

CATEGORY_IDS = PORTUGUESE.category_ids | SPANISH.category_ids
